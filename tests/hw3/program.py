"""Common code of the hw3 tests: generates a small data set, runs the built program and reads its output files."""

import csv
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HW3 = ROOT / "build/release/hw3"
# Files that depend only on the flags; of history.csv, all columns but the seconds.
FILES = ("best.safetensors", "steps.csv", "submission.csv", "logits.npy", "history.csv")
ONE_STEP = ("--max-steps", 1, "--epochs", 1, "--threads", 2)


def start(*arguments, cwd=None, **options):
    """Starts hw3 with these arguments; returns the process."""
    return subprocess.Popen(
        [str(part) for part in (HW3, *arguments)],
        cwd=cwd,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def run(*arguments, cwd=None, **options):
    """Runs hw3 with these arguments; returns exit status, stdout and stderr."""
    process = start(*arguments, cwd=cwd, **options)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def first_step(folder, data, *flags):
    """The first row of steps.csv after a run of one step."""
    status, _, error = run("--data", data, "--out", folder, *ONE_STEP, *flags)
    return (folder / "steps.csv").read_text().splitlines()[1].split(",") if status == 0 else [error]


def results(folder):
    """The contents of all files that must not depend on threads, interruptions or the clock."""
    files = {name: (folder / name).read_bytes() for name in FILES}
    rows = list(csv.reader(files["history.csv"].decode().splitlines()))
    files["history.csv"] = [row[:-1] for row in rows]
    return files


def make_data(folder, train, valid, test):
    """Makes a data set in folder/data with this many pictures per split and mixed labels; the last batches are partial."""
    scratch = folder / "first"
    status, _, error = run("--out", scratch, "--epochs", 1, "--max-steps", 1, cwd=folder)
    if status:
        sys.exit(f"hw3 could not make its data: {error}")
    data = folder / "data"
    (scratch / "generated_data").rename(data)
    shutil.rmtree(scratch)
    for split, keep in (("train", train), ("valid", valid), ("test", test)):
        files = sorted((data / split).iterdir(), key=lambda file: (file.stem.split("_")[-1].zfill(4), file.name))
        for extra in files[keep:]:
            extra.unlink()
    return data


class Skipped(str):
    """Why something could not be tried on this machine."""


def judge(complaints):
    """Runs complaints(folder), which yields None for each check that passes, a message for each that fails, and Skipped for
    each that could not run. Prints the messages and 'N passed, N failed'; returns the exit status."""
    passed, failed, skipped = 0, 0, 0
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tinycnn-hw3-"))
    try:
        for why in complaints(folder):
            passed += why is None
            skipped += isinstance(why, Skipped)
            failed += why is not None and not isinstance(why, Skipped)
            if why:
                print(why, flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


def expect(true, why):
    return None if true else why
