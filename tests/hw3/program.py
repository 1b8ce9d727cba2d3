"""The built hw3 as its tests drive it: a small data set of generated photographs, runs, and the files they leave."""

import csv
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HW3 = ROOT / "build/release/hw3"
# The same from the same flags, whatever happened on the way; of history.csv all but its seconds.
FILES = ("best.safetensors", "steps.csv", "submission.csv", "logits.npy", "history.csv")
ONE_STEP = ("--max-steps", 1, "--epochs", 1, "--threads", 2)


def start(*arguments, cwd=None, **options):
    """hw3 with these arguments, as a running process."""
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
    """Exit status, stdout and stderr of hw3 with these arguments."""
    process = start(*arguments, cwd=cwd, **options)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def first_step(folder, data, *flags):
    """steps.csv's first row of a run of one step."""
    status, _, error = run("--data", data, "--out", folder, *ONE_STEP, *flags)
    return (folder / "steps.csv").read_text().splitlines()[1].split(",") if status == 0 else [error]


def results(folder):
    """The bytes of every file that must not depend on threads, kills or the machine's clock."""
    files = {name: (folder / name).read_bytes() for name in FILES}
    rows = list(csv.reader(files["history.csv"].decode().splitlines()))
    files["history.csv"] = [row[:-1] for row in rows]
    return files


def make_data(folder, train, valid, test):
    """A data set in folder/data: so many pictures a split, labels mixed; the last batches are small."""
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
    """Runs complaints(folder), which yields None for what is as it should be, a sentence for what is not and Skipped for
    what could not be tried; prints them and 'N passed, N failed'. Returns the exit status."""
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
