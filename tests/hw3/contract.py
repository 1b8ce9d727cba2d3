"""Tests the interface of hw3: the effect of every flag, the contents of every file, the progress bar on a terminal.

Run by ./dev test --all; the last line is 'N passed, N failed'.
"""

import csv
import json
import os
import pty
import struct
import subprocess
import sys

import program
from program import expect


def files(folder, data):
    """The contents of every file of a finished run."""
    out = folder / "whole"
    status, said, error = program.run("--data", data, "--out", out, "--epochs", 2, "--threads", 2)
    yield expect(status == 0, f"a plain run failed: {error}")
    for words in (
        "cnn.0",
        "12833803",
        "memory for 64 images",
        "[ Train | 001/002 ] loss = ",
        "[ Valid | 002/002 ] loss = ",
    ):
        yield expect(words in said, f"stdout has no '{words}'")
    yield expect((out / "train.log").read_text() == said, "train.log differs from what was said")

    history = list(csv.reader(open(out / "history.csv", newline="")))
    yield expect(
        history[0] == "epoch,train_loss,train_acc,valid_loss,valid_acc,lr,seconds".split(",")
        and [row[0] for row in history[1:]] == ["1", "2"],
        f"history.csv: {history}",
    )
    steps = list(csv.reader(open(out / "steps.csv", newline="")))
    yield expect(
        steps[0] == "step,loss,grad_norm,lr".split(",") and [row[0] for row in steps[1:]] == ["1", "2", "3", "4"],
        f"steps.csv: {steps}",
    )
    # The shortest text that reads back as the same float has at most 9 digits.
    short = all(len(text.replace(".", "").lstrip("0").split("e")[0]) <= 9 for row in steps[1:] for text in row[1:3])
    yield expect(short and all(float(row[3]) == 3e-4 for row in steps[1:]), f"steps.csv's numbers: {steps}")

    submission = (out / "submission.csv").read_text().splitlines()
    ids = [f"{int(file.stem):04d}" for file in sorted((data / "test").iterdir())]
    yield expect(
        submission[0] == "Id,Category" and [line.split(",")[0] for line in submission[1:]] == ids,
        f"submission.csv: {submission}",
    )
    logits = (out / "logits.npy").read_bytes()
    header = logits[10 : 10 + struct.unpack("<H", logits[8:10])[0]].decode()
    rows = struct.unpack(f"<{len(ids) * 11}f", logits[10 + len(header) :])
    yield expect("'<f4'" in header and f"({len(ids)}, 11)" in header, f"logits.npy: {header}")
    best = [max(range(11), key=lambda k: rows[11 * i + k]) for i in range(len(ids))]
    yield expect(
        [int(line.split(",")[1]) for line in submission[1:]] == best,
        "submission.csv is not the largest logit of logits.npy",
    )
    weights = (out / "best.safetensors").read_bytes()
    tensors = json.loads(weights[8 : 8 + struct.unpack("<Q", weights[:8])[0]])
    yield expect(
        tensors["cnn.0.weight"]["shape"] == [64, 3, 3, 3] and "fc.4.bias" in tensors,
        "best.safetensors lacks its tensors",
    )

    status, _, error = program.run("--data", data, "--out", out, *program.ONE_STEP)
    yield expect(
        status == 1 and "holds a run" in error and "--resume" in error,
        f"a second run over the first: {status}, '{error}'",
    )
    yield expect((out / "best.safetensors").read_bytes() == weights, "a second run changed the first's weights")

    status, _, error = program.run(
        "--data", data, "--out", folder / "again", "--predict-only", out / "best.safetensors"
    )
    yield expect(
        status == 0 and (folder / "again/logits.npy").read_bytes() == logits, f"--predict-only: {status}, '{error}'"
    )
    status, _, error = program.run(
        "--data", data, "--out", folder / "again", "--predict-only", out / "best.safetensors"
    )
    yield expect(
        status == 1 and "holds a prediction" in error, f"--predict-only over a prediction: {status}, '{error}'"
    )


def thirty_lines(folder, data):
    """The short program in the README produces the same weights as hw3."""
    made = subprocess.run(
        [program.HW3.with_name("thirty_lines"), data], cwd=folder, capture_output=True, text=True, timeout=300
    )
    status, _, error = program.run("--data", data, "--out", folder / "long", "--threads", 2)
    same = (
        made.returncode == status == 0
        and (folder / "best.safetensors").read_bytes() == (folder / "long/best.safetensors").read_bytes()
    )
    yield expect(same, f"thirty_lines and hw3 differ: {made.stderr}{error}")


def flags(folder, data):
    """The effect of each flag."""
    plain = program.first_step(folder / "plain", data)
    yield expect(
        program.first_step(folder / "lr", data, "--lr", "1e-3") == [*plain[:3], "0.001"],
        "--lr changes more or less than the rate",
    )
    yield expect(program.first_step(folder / "seed", data, "--seed", 1)[1] != plain[1], "--seed changes nothing")
    ordered = program.first_step(folder / "sorted", data, "--order", "sorted")
    yield expect(ordered[1] != plain[1], "--order sorted changes nothing")
    names = sorted(file.name for file in (data / "train").iterdir())
    (folder / "order.txt").write_text("\n".join(names) + "\n")
    yield expect(
        program.first_step(folder / "file", data, "--order", folder / "order.txt") == ordered,
        "--order FILE of the sorted names differs from sorted",
    )
    yield expect(
        program.first_step(folder / "init", data, "--init", folder / "lr/best.safetensors")[1] != plain[1],
        "--init changes nothing",
    )
    weights = {name: (folder / name / "best.safetensors").read_bytes() for name in ("plain", "lr")}
    yield expect(weights["plain"] != weights["lr"], "--lr changes no weight")
    for flag, value in (("--weight-decay", 1), ("--clip", 1e-6)):
        program.first_step(folder / flag, data, flag, value)
        yield expect((folder / flag / "best.safetensors").read_bytes() != weights["plain"], f"{flag} changes no weight")

    out = folder / "stale"
    program.run("--data", data, "--out", out, "--epochs", 5, "--lr", 1e-30, "--patience", 0, "--threads", 2)
    yield expect(
        len((out / "history.csv").read_text().splitlines()) < 6 and "early stopping" in (out / "train.log").read_text(),
        "--patience 0 does not stop a run that learns nothing",
    )

    status, said, error = program.run("--data", data, "--out", folder / "quiet", *program.ONE_STEP, "--quiet")
    yield expect(
        status == 0 and said == error == "" and (folder / "quiet/train.log").read_text(),
        f"--quiet says '{said}{error}'",
    )

    course = folder / "course"
    course.mkdir()
    for ours, theirs in (("train", "training"), ("valid", "validation"), ("test", "evaluation")):
        (course / theirs).symlink_to(data / ours)
    yield expect(program.first_step(folder / "theirs", course) == plain, "the course's folder names give other steps")
    (folder / "hw3_data").symlink_to(data)
    status, said, error = program.run("--out", folder / "default", *program.ONE_STEP, cwd=folder)
    yield expect(status == 0 and "from hw3_data" in said, f"./hw3_data is not the default: {status}, '{error}'")


def terminal(folder, data):
    """On a terminal, hw3 shows a bar with loss, accuracy, images per second and the remaining time."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [program.HW3, "--data", data, "--out", folder / "bar", "--epochs", "1", "--threads", "2"],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # how a terminal reports the end of output
            break
        if not piece:
            break
        seen += piece
    yield expect(
        process.wait(60) == 0
        and all(word in seen for word in (b"\r", b"[#", b"loss ", b"acc ", b" images/s", b" s left")),
        f"no bar on a terminal: {seen[-300:]}",
    )


def complaints(folder):
    data = program.make_data(folder, train=100, valid=20, test=12)
    for part in (files, thirty_lines, flags, terminal):
        scratch = folder / part.__name__
        scratch.mkdir()
        yield from part(scratch, data)


if __name__ == "__main__":
    sys.exit(program.judge(complaints))
