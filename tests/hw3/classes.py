"""Tests hw3 with another number of classes: changes one constant of its network, then builds and runs it.

Run by ./dev test --all; the last line is 'N passed, N failed'.
"""

import pathlib
import shutil
import struct
import subprocess
import sys

import program
from program import ROOT, expect

CLASSES = 7
CONSTANT = "hw3_classes = 11;"


def build(folder):
    """Builds hw3 with 7 classes; returns the compiler's messages if that fails."""
    shutil.copytree(ROOT / "examples", folder / "examples")
    network = folder / "examples/networks/hw3_classifier.hpp"
    text = network.read_text()
    if CONSTANT not in text:
        return f"{network.name} has no '{CONSTANT}'"
    network.write_text(text.replace(CONSTANT, f"hw3_classes = {CLASSES};"))
    sources = [folder / "examples" / name for name in ("hw3.cpp", "hw3_options.cpp", "hw3_run.cpp", "stb.cpp")]
    done = subprocess.run(
        ["g++", "-std=c++20", "-O1", "-march=native", "-w", f"-I{ROOT / 'include'}", *sources, "-lpthread"]
        + ["-o", folder / "hw3"],
        capture_output=True,
        text=True,
    )
    return done.stderr


def complaints(folder):
    wrong = build(folder)
    yield expect(not wrong, f"hw3 with {CLASSES} classes does not build:\n{wrong}")
    if wrong:
        return
    data = program.make_data(folder, train=99, valid=33, test=8)  # of 11 classes
    program.HW3 = folder / "hw3"

    status, _, error = program.run("--out", folder / "none", *program.ONE_STEP, cwd=folder)
    yield expect(
        status == 1 and "have 11 classes, its network 7" in error and "--data" in error and error.count("\n") == 1,
        f"without pictures: status {status}, '{error}'",
    )
    status, _, error = program.run("--data", data, "--out", folder / "eleven", *program.ONE_STEP)
    yield expect(status == 1 and "0_ to 6_" in error, f"with pictures of 11 classes: status {status}, '{error}'")

    for split in ("train", "valid"):
        for picture in pathlib.Path(data / split).iterdir():
            if int(picture.name.split("_")[0]) >= CLASSES:
                picture.unlink()
    status, said, error = program.run("--data", data, "--out", folder / "seven", *program.ONE_STEP)
    yield expect(status == 0 and "12831751" in said, f"with pictures of 7 classes: status {status}, '{error}'")
    if status:
        return
    logits = (folder / "seven/logits.npy").read_bytes()
    header = logits[10 : 10 + struct.unpack("<H", logits[8:10])[0]].decode()
    yield expect("(8, 7)" in header, f"logits.npy: {header}")
    rows = (folder / "seven/submission.csv").read_text().splitlines()[1:]
    yield expect(len(rows) == 8 and all(0 <= int(row.split(",")[1]) < CLASSES for row in rows), f"submission: {rows}")


if __name__ == "__main__":
    sys.exit(program.judge(complaints))
