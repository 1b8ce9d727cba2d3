"""hw3's command line is a contract: every flag, every file it leaves, every mistake, with and without a terminal.

Run by ./dev test --all; the last line is 'N passed, N failed'.
"""

import csv
import json
import os
import pty
import shutil
import struct
import subprocess
import sys

import program
from program import expect

STEPS = ("--max-steps", 1, "--epochs", 1, "--threads", 2)
FLAGS = ("--data --out --epochs --lr --weight-decay --clip --patience --seed --threads --order --init --resume "
         "--checkpoint-every --predict-only --max-steps --bad-images --quiet").split()


def usage(folder):
    """What --help says, and what each wrong command line gets: status 2 and what would be right."""
    status, out, _ = program.run("--help")
    missing = [word for word in [*FLAGS, *program.FILES, "last.ckpt", "train.log"] if word not in out]
    yield expect(status == 0 and not missing, f"--help: status {status}, without {missing}")
    here = str(folder)
    for wrong, right in ((("--epochs", 0), "1"), (("--epochs", "many"), "--epochs"), (("--lr", 0), "--lr"), (("--lr", "nan"), "finite"),
                         (("--lr", "inf"), "finite"), (("--weight-decay", -1), "--weight-decay"), (("--clip", -1), "--clip"),
                         (("--patience", -1), "0"), (("--seed", -1), "whole number"), (("--seed", "x"), "--seed"), (("--threads", 0), "1024"),
                         (("--order", "random"), "shuffled"), (("--init", "none.safetensors"), "none.safetensors"),
                         (("--predict-only", "none.safetensors"), "none.safetensors"), (("--checkpoint-every", -1), "0"),
                         (("--max-steps", -1), "0"), (("--bad-images", "ignore"), "skip"), (("--data", folder / "none"), "none"),
                         (("--resume", "--predict-only", program.HW3), "--resume"), (("--epoch-count", 3), "--epoch-count"),
                         (("food",), "food"), (("--lr",), "--lr")):
        status, _, error = program.run("--out", folder / "wrong", *wrong, cwd=here)
        yield expect(status == 2 and str(right) in error and not (folder / "wrong").exists(),
                     f"{wrong}: status {status}, '{error}', '{right}' expected")


def mistakes(folder, data):
    """What is wrong beyond the command line: status 1, one sentence that names the file and what to do."""
    (folder / "file").write_text("")
    empty = folder / "empty"
    for split in ("train", "valid", "test"):
        (empty / split).mkdir(parents=True)
    labels = folder / "labels"
    shutil.copytree(data, labels)
    next((labels / "valid").iterdir()).rename(labels / "valid/11_0.jpg")
    no_test = folder / "no_test"
    shutil.copytree(data, no_test)
    shutil.rmtree(no_test / "test")
    names = folder / "names.txt"
    names.write_text("0_0.jpg\n0_999.jpg\n")
    broken = folder / "broken.safetensors"
    broken.write_bytes(b"\xff" * 100)
    for number, (flags, words) in enumerate(((("--out", folder / "file/run"), ("file",)), (("--out", folder / "file"), ("file",)),
                                             (("--data", empty), ("empty/train", "no .jpg")), (("--data", no_test), ("'test'", "'evaluation'")),
                                             (("--data", labels), ("11_0.jpg", "0_ to 10_")), (("--order", names), ("line 2", "0_999.jpg")),
                                             (("--init", broken), ("broken.safetensors",)),
                                             (("--predict-only", broken), ("broken.safetensors",)))):
        out = () if "--out" in flags else ("--out", folder / f"mistake{number}")
        where = () if "--data" in flags else ("--data", data)
        status, _, error = program.run(*out, *where, *flags, *STEPS)
        yield expect(status == 1 and all(word in error for word in words) and len(error.splitlines()) == 1,
                     f"{flags}: status {status}, '{error}'")


def files(folder, data):
    """Every file of a finished run."""
    out = folder / "whole"
    status, said, error = program.run("--data", data, "--out", out, "--epochs", 2, "--threads", 2)
    yield expect(status == 0, f"a plain run failed: {error}")
    for words in ("cnn.0", "12833803", "memory for 64 images", "[ Train | 001/002 ] loss = ", "[ Valid | 002/002 ] loss = "):
        yield expect(words in said, f"stdout has no '{words}'")
    yield expect((out / "train.log").read_text() == said, "train.log differs from what was said")

    history = list(csv.reader(open(out / "history.csv", newline="")))
    yield expect(history[0] == "epoch,train_loss,train_acc,valid_loss,valid_acc,lr,seconds".split(",") and
                 [row[0] for row in history[1:]] == ["1", "2"], f"history.csv: {history}")
    steps = list(csv.reader(open(out / "steps.csv", newline="")))
    yield expect(steps[0] == "step,loss,grad_norm,lr".split(",") and [row[0] for row in steps[1:]] == ["1", "2", "3", "4"],
                 f"steps.csv: {steps}")
    # The shortest text that reads back as the same float has at most 9 digits.
    short = all(len(text.replace(".", "").lstrip("0").split("e")[0]) <= 9 for row in steps[1:] for text in row[1:3])
    yield expect(short and all(float(row[3]) == 3e-4 for row in steps[1:]), f"steps.csv's numbers: {steps}")

    submission = (out / "submission.csv").read_text().splitlines()
    ids = [f"{int(file.stem):04d}" for file in sorted((data / "test").iterdir())]
    yield expect(submission[0] == "Id,Category" and [line.split(",")[0] for line in submission[1:]] == ids, f"submission.csv: {submission}")
    logits = (out / "logits.npy").read_bytes()
    header = logits[10:10 + struct.unpack("<H", logits[8:10])[0]].decode()
    rows = struct.unpack(f"<{len(ids) * 11}f", logits[10 + len(header):])
    yield expect("'<f4'" in header and f"({len(ids)}, 11)" in header, f"logits.npy: {header}")
    best = [max(range(11), key=lambda k: rows[11 * i + k]) for i in range(len(ids))]
    yield expect([int(line.split(",")[1]) for line in submission[1:]] == best, "submission.csv is not the largest logit of logits.npy")
    weights = (out / "best.safetensors").read_bytes()
    tensors = json.loads(weights[8:8 + struct.unpack("<Q", weights[:8])[0]])
    yield expect(tensors["cnn.0.weight"]["shape"] == [64, 3, 3, 3] and "fc.4.bias" in tensors, "best.safetensors lacks its tensors")

    status, _, error = program.run("--data", data, "--out", out, *STEPS)
    yield expect(status == 1 and "holds a run" in error and "--resume" in error, f"a second run over the first: {status}, '{error}'")
    yield expect((out / "best.safetensors").read_bytes() == weights, "a second run changed the first's weights")

    status, _, error = program.run("--data", data, "--out", folder / "again", "--predict-only", out / "best.safetensors")
    yield expect(status == 0 and (folder / "again/logits.npy").read_bytes() == logits, f"--predict-only: {status}, '{error}'")
    status, _, error = program.run("--data", data, "--out", folder / "again", "--predict-only", out / "best.safetensors")
    yield expect(status == 1 and "holds a prediction" in error, f"--predict-only over a prediction: {status}, '{error}'")


def thirty_lines(folder, data):
    """The short program of the README leaves the weights that hw3 does."""
    made = subprocess.run([program.HW3.with_name("thirty_lines"), data], cwd=folder, capture_output=True, text=True, timeout=300)
    status, _, error = program.run("--data", data, "--out", folder / "long", "--threads", 2)
    same = made.returncode == status == 0 and (folder / "best.safetensors").read_bytes() == (folder / "long/best.safetensors").read_bytes()
    yield expect(same, f"thirty_lines and hw3 differ: {made.stderr}{error}")


def first_step(folder, data, *flags):
    """steps.csv's first row of a run of one step."""
    status, _, error = program.run("--data", data, "--out", folder, *STEPS, *flags)
    return (folder / "steps.csv").read_text().splitlines()[1].split(",") if status == 0 else [error]


def flags(folder, data):
    """Each flag does what it says."""
    plain = first_step(folder / "plain", data)
    yield expect(first_step(folder / "lr", data, "--lr", "1e-3") == [*plain[:3], "0.001"], "--lr changes more or less than the rate")
    yield expect(first_step(folder / "seed", data, "--seed", 1)[1] != plain[1], "--seed changes nothing")
    ordered = first_step(folder / "sorted", data, "--order", "sorted")
    yield expect(ordered[1] != plain[1], "--order sorted changes nothing")
    names = sorted(file.name for file in (data / "train").iterdir())
    (folder / "order.txt").write_text("\n".join(names) + "\n")
    yield expect(first_step(folder / "file", data, "--order", folder / "order.txt") == ordered, "--order FILE of the sorted names differs from sorted")
    yield expect(first_step(folder / "init", data, "--init", folder / "lr/best.safetensors")[1] != plain[1], "--init changes nothing")
    weights = {name: (folder / name / "best.safetensors").read_bytes() for name in ("plain", "lr")}
    yield expect(weights["plain"] != weights["lr"], "--lr changes no weight")
    for flag, value in (("--weight-decay", 1), ("--clip", 1e-6)):
        first_step(folder / flag, data, flag, value)
        yield expect((folder / flag / "best.safetensors").read_bytes() != weights["plain"], f"{flag} changes no weight")

    out = folder / "stale"
    program.run("--data", data, "--out", out, "--epochs", 5, "--lr", 1e-30, "--patience", 0, "--threads", 2)
    yield expect(len((out / "history.csv").read_text().splitlines()) < 6 and "early stopping" in (out / "train.log").read_text(),
                 "--patience 0 does not stop a run that learns nothing")

    status, said, error = program.run("--data", data, "--out", folder / "quiet", *STEPS, "--quiet")
    yield expect(status == 0 and said == error == "" and (folder / "quiet/train.log").read_text(), f"--quiet says '{said}{error}'")

    course = folder / "course"
    course.mkdir()
    for ours, theirs in (("train", "training"), ("valid", "validation"), ("test", "evaluation")):
        (course / theirs).symlink_to(data / ours)
    yield expect(first_step(folder / "theirs", course) == plain, "the course's folder names give other steps")
    (folder / "hw3_data").symlink_to(data)
    status, said, error = program.run("--out", folder / "default", *STEPS, cwd=folder)
    yield expect(status == 0 and "from hw3_data" in said, f"./hw3_data is not the default: {status}, '{error}'")


def damaged(folder, data):
    """Damaged pictures are all listed before training starts, and left out if that is wanted."""
    bad = folder / "bad"
    shutil.copytree(data, bad)
    for split, name, content in (("train", "0_9001.jpg", b""), ("train", "1_9001.png", b"no picture"), ("valid", "2_9001.jpg", b"\xff\xd8\xff"),
                                 ("test", "9001.jpg", b"\x89PNG\r\n\x1a\n")):
        (bad / split / name).write_bytes(content)
    status, _, error = program.run("--data", bad, "--out", folder / "stop", *STEPS)
    listed = all(name in error for name in ("0_9001.jpg", "1_9001.png", "2_9001.jpg", "test/9001.jpg", "4 pictures are damaged", "--bad-images skip"))
    yield expect(status == 1 and listed and not (folder / "stop/steps.csv").exists(), f"damaged pictures: {status}, '{error}'")

    status, said, error = program.run("--data", bad, "--out", folder / "skip", *STEPS, "--bad-images", "skip")
    yield expect(status == 0 and "2 damaged pictures of train are skipped" in said, f"--bad-images skip: {status}, '{said}{error}'")
    whole = first_step(folder / "without", data)
    yield expect((folder / "skip/steps.csv").read_text().splitlines()[1].split(",") == whole, "skipping gives other steps than a folder without")
    yield expect("9001" not in (folder / "skip/submission.csv").read_text(), "submission.csv has a row for a picture that was skipped")


def terminal(folder, data):
    """On a terminal a bar with loss, accuracy, images a second and the time left."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([program.HW3, "--data", data, "--out", folder / "bar", "--epochs", "1", "--threads", "2"],
                               stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # what a terminal's other end gives at the end
            break
        if not piece:
            break
        seen += piece
    yield expect(process.wait(60) == 0 and all(word in seen for word in (b"\r", b"[#", b"loss ", b"acc ", b" images/s", b" s left")),
                 f"no bar on a terminal: {seen[-300:]}")


def complaints(folder):
    data = program.make_data(folder, train=100, valid=20, test=12)
    yield from usage(folder)
    for part in (mistakes, files, thirty_lines, flags, damaged, terminal):
        scratch = folder / part.__name__
        scratch.mkdir()
        yield from part(scratch, data)


if __name__ == "__main__":
    sys.exit(program.judge(complaints))
