"""Tests that a run of fashion_mnist that is killed at random moments or interrupted, and resumed, leaves the bytes of an
undisturbed run, on generated pictures in IDX files.

Run by ./dev test --all; the last line is 'N passed, N failed'.
"""

import pathlib
import random
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "hw3"))
from program import ROOT, expect, judge  # noqa: E402

PROGRAM = ROOT / "build/release/fashion_mnist"
FILES = ("best.safetensors", "last.ckpt", "steps.csv", "history.csv", "predictions.csv")
KILLS = 8
LONGEST = 15  # seconds for the kills, on a slow machine fewer than KILLS


def make_data(folder, train=9000, test=500):
    """IDX files of noisy pictures, each with the pattern of its class."""
    chance = random.Random(6666)
    patterns = [int.from_bytes(chance.randbytes(784)) & int.from_bytes(b"\xc0" * 784) for _ in range(10)]
    noise = int.from_bytes(b"\xbf" * 784)
    folder.mkdir()
    for name, count in (("train", train), ("t10k", test)):
        labels = bytes(chance.randrange(10) for _ in range(count))
        pictures = b"".join((patterns[label] ^ (int.from_bytes(chance.randbytes(784)) & noise)).to_bytes(784)
                            for label in labels)
        (folder / f"{name}-images-idx3-ubyte").write_bytes(struct.pack(">4B3I", 0, 0, 8, 3, count, 28, 28) + pictures)
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(struct.pack(">4BI", 0, 0, 8, 1, count) + labels)
    return folder


def start(*arguments):
    return subprocess.Popen([str(part) for part in (PROGRAM, *arguments)], text=True, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def run(*arguments):
    process = start(*arguments)
    out, error = process.communicate(timeout=300)
    return process.returncode, out, error


def results(folder):
    """The contents of all files that must not depend on kills or the clock."""
    files = {name: (folder / name).read_bytes() for name in FILES}
    files["history.csv"] = [row.rsplit(b",", 1)[0] for row in files["history.csv"].splitlines()]
    return files


def differences(folder, expected, what):
    for name, content in results(folder).items():
        yield expect(content == expected[name], f"{what}: {name} differs from the undisturbed run's")


def rows(folder):
    file = folder / "steps.csv"
    return file.read_bytes().count(b"\n") - 1 if file.exists() else 0


def complaints(folder):
    data = ("--data", make_data(folder / "data"), "--epochs", 3)
    whole, killed, stopped = (folder / name for name in ("whole", "killed", "stopped"))
    begin = time.monotonic()
    status, said, error = run(*data, "--out", whole)
    seconds = time.monotonic() - begin
    yield expect(status == 0 and "classified correctly" in said, f"the undisturbed run failed: {said}{error}")
    if status:
        return
    expected = results(whole)
    yield expect(rows(whole) == 3 * 59, f"7500 pictures in batches of 128 for 3 epochs are {rows(whole)} steps")

    chance = random.Random(6666)
    resume, places, end = (), set(), time.monotonic() + LONGEST
    while len(places) < KILLS and time.monotonic() < end:
        process = start(*data, "--out", killed, *resume)
        time.sleep(chance.uniform(0.02, 0.4 * seconds))
        process.kill()
        process.communicate()
        places.add(rows(killed))
        resume = ("--resume",)
        if rows(killed) == rows(whole):  # it got far; begin again
            status, _, error = run(*data, "--out", killed, *resume)
            yield expect(status == 0, f"resuming failed: {error}")
            yield from differences(killed, expected, "killed")
            killed, resume = folder / f"killed{len(places)}", ()
    print(f"killed after steps {sorted(places)}")
    status, _, error = run(*data, "--out", killed, *resume)
    yield expect(status == 0, f"resuming after the kills failed: {error}")
    yield from differences(killed, expected, "killed")

    process = start(*data, "--out", stopped)
    while rows(stopped) < 3 and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    yield expect(process.returncode == 1 and "--resume --out" in error and error.count("\n") == 1,
                 f"after Ctrl-C: status {process.returncode}, '{error}'")
    status, _, error = run(*data, "--out", stopped, "--resume")
    yield expect(status == 0, f"resuming after Ctrl-C failed: {error}")
    yield from differences(stopped, expected, "interrupted")

    for arguments, words in (((*data, "--out", whole), "holds a run already"),
                             ((*data[:2], "--epochs", 4, "--out", whole, "--resume"), "begun with --epochs '3', not '4'"),
                             (("--data", folder / "none", "--out", folder / "a"), "none/train-images-idx3-ubyte"),
                             (("--epochs", "many"), "usage")):
        status, _, error = run(*arguments)
        yield expect(status == 1 and words in error and error.count("\n") == 1, f"{arguments}: {status}, '{error}'")
    yield from differences(whole, expected, "refused")


if __name__ == "__main__":
    sys.exit(judge(complaints))
