"""Tests that hw3 writes the same bytes on 1, 2 and 5 threads and in a second run, and limits its memory as promised.

Run by ./dev test --all; the last line is 'N passed, N failed'.
"""

import resource
import sys

import program

STEPS = 3
MEMORY_MB = 1100  # the contract for HW3 at batch 64


def complaints(folder):
    data = program.make_data(folder, train=300, valid=40, test=70)
    runs = {}
    for name, threads in (("1", 1), ("2", 2), ("5", 5), ("again", 2)):
        status, _, error = program.run(
            "--data", data, "--out", folder / name, "--epochs", 1, "--max-steps", STEPS, "--threads", threads
        )
        yield program.expect(status == 0, f"run '{name}' failed: {error}")
        runs[name] = program.results(folder / name)
    for name, files in runs.items():
        for file, content in files.items():
            yield program.expect(content == runs["1"][file], f"{file} of run '{name}' differs from that of one thread")
    rows = runs["2"]["steps.csv"].decode().splitlines()
    yield program.expect(
        [row.split(",")[0] for row in rows[1:]] == ["1", "2", "3"], f"steps.csv holds {len(rows) - 1} steps"
    )

    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6
    yield program.expect(peak <= MEMORY_MB, f"hw3 held {peak:.0f} MB, more than {MEMORY_MB}")
    print(f"largest resident memory of hw3: {peak:.0f} MB")


if __name__ == "__main__":
    sys.exit(program.judge(complaints))
