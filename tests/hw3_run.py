"""Runs the built hw3 on generated photographs and judges what it leaves: the same bytes on 1, 2 and 5 threads and on a
second run, the promised files, and its memory. Run by ./dev test --all; the last line is 'N passed, N failed'.
"""

import csv
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
HW3 = ROOT / "build/release/hw3"
STEPS = 3
MEMORY_MB = 1100  # the contract for HW3 at batch 64
FILES = ("best.safetensors", "steps.csv", "submission.csv", "logits.npy")


def run(folder, data, threads):
    command = [HW3, "--data", data, "--out", folder, "--epochs", 1, "--max-steps", STEPS, "--threads", threads]
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return {name: (folder / name).read_bytes() for name in FILES}


def complaints(folder):
    """Yields None for each thing that is as it should be, and a sentence for what is not."""
    data = folder / "data"
    subprocess.run([str(HW3), "--out", str(folder / "first"), "--epochs", "1", "--max-steps", "1"], cwd=folder, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (folder / "first/generated_data").rename(data)
    for split, keep in (("valid", 40), ("test", 70)):   # enough for a partial batch, little enough to be quick
        for extra in sorted((data / split).iterdir())[keep:]:
            extra.unlink()

    runs = {name: run(folder / name, data, threads) for name, threads in (("1", 1), ("2", 2), ("5", 5), ("again", 2))}
    for name, files in runs.items():
        for file in FILES:
            yield None if files[file] == runs["1"][file] else f"{file} of run '{name}' differs from that of one thread"

    rows = list(csv.DictReader(open(folder / "2/steps.csv", newline="")))
    yield None if [row["step"] for row in rows] == ["1", "2", "3"] else f"steps.csv holds {len(rows)} steps, not {STEPS}"
    history = list(csv.reader(open(folder / "2/history.csv", newline="")))
    header = "epoch,train_loss,train_acc,valid_loss,valid_acc,lr,seconds".split(",")
    yield None if history[0] == header and len(history) == 2 else "history.csv has not the promised header and one row"
    submission = (folder / "2/submission.csv").read_text().splitlines()
    fits = submission[0] == "Id,Category" and len(submission) == 71 and submission[1].startswith("0000,")
    yield None if fits else "submission.csv has not the promised rows"

    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6
    yield None if peak <= MEMORY_MB else f"hw3 held {peak:.0f} MB, more than {MEMORY_MB}"
    print(f"largest resident memory of hw3: {peak:.0f} MB")


def main():
    passed, failed = 0, 0
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tinycnn-hw3-"))
    try:
        for why in complaints(folder):
            passed += why is None
            failed += why is not None
            if why:
                print(why)
    finally:
        shutil.rmtree(folder)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
