"""Tests the error messages of hw3 for wrong command lines, folders, files and pictures.

Run by ./dev test --all; the last line is 'N passed, N failed'.
"""

import os
import shutil
import sys

import program
from program import expect

FLAGS = (
    "--data --out --epochs --lr --weight-decay --clip --patience --seed --threads --order --init --resume "
    "--checkpoint-every --predict-only --max-steps --bad-images --quiet"
).split()


def usage(folder):
    """--help lists everything; each wrong command line gives status 2 and a message that says what would be right."""
    status, out, _ = program.run("--help")
    missing = [word for word in [*FLAGS, *program.FILES, "last.ckpt", "train.log"] if word not in out]
    yield expect(status == 0 and not missing, f"--help: status {status}, without {missing}")
    here = str(folder)
    for wrong, right in (
        (("--epochs", 0), "1"),
        (("--epochs", "many"), "--epochs"),
        (("--lr", 0), "--lr"),
        (("--lr", "nan"), "finite"),
        (("--lr", "inf"), "finite"),
        (("--weight-decay", -1), "--weight-decay"),
        (("--clip", -1), "--clip"),
        (("--patience", -1), "0"),
        (("--seed", -1), "whole number"),
        (("--seed", "x"), "--seed"),
        (("--threads", 0), "1024"),
        (("--order", "random"), "shuffled"),
        (("--init", "none.safetensors"), "none.safetensors"),
        (("--predict-only", "none.safetensors"), "none.safetensors"),
        (("--checkpoint-every", -1), "0"),
        (("--max-steps", -1), "0"),
        (("--bad-images", "ignore"), "skip"),
        (("--data", folder / "none"), "none"),
        (("--resume", "--predict-only", program.HW3), "--resume"),
        (("--epoch-count", 3), "--epoch-count"),
        (("food",), "food"),
        (("--lr",), "--lr"),
    ):
        status, _, error = program.run("--out", folder / "wrong", *wrong, cwd=here)
        yield expect(
            status == 2 and str(right) in error and not (folder / "wrong").exists(),
            f"{wrong}: status {status}, '{error}', '{right}' expected",
        )


def mistakes(folder, data):
    """All other errors give status 1 and one line that names the file."""
    (folder / "file").write_text("")
    (folder / "pipe").mkdir()
    os.mkfifo(folder / "pipe/train.log")
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
    for number, (flags, words) in enumerate(
        (
            (("--out", folder / "file/run"), ("file", "Not a directory")),
            (("--out", folder / "file"), ("file",)),
            (("--out", folder / "pipe"), ("pipe/train.log", "not a regular file")),
            (("--data", empty), ("empty/train", "no .jpg")),
            (("--data", no_test), ("'test'", "'evaluation'")),
            (("--data", labels), ("11_0.jpg", "0_ to 10_")),
            (("--order", names), ("line 2", "0_999.jpg")),
            (("--init", broken), ("broken.safetensors",)),
            (("--predict-only", broken), ("broken.safetensors",)),
        )
    ):
        out = () if "--out" in flags else ("--out", folder / f"mistake{number}")
        where = () if "--data" in flags else ("--data", data)
        status, _, error = program.run(*out, *where, *flags, *program.ONE_STEP)
        yield expect(
            status == 1 and all(word in error for word in words) and len(error.splitlines()) == 1,
            f"{flags}: status {status}, '{error}'",
        )


def damaged(folder, data):
    """All damaged pictures are listed before training starts, and skipped on request."""
    bad = folder / "bad"
    shutil.copytree(data, bad)
    for split, name, content in (
        ("train", "0_9001.jpg", b""),
        ("train", "1_9001.png", b"no picture"),
        ("valid", "2_9001.jpg", b"\xff\xd8\xff"),
        ("test", "9001.jpg", b"\x89PNG\r\n\x1a\n"),
    ):
        (bad / split / name).write_bytes(content)
    status, _, error = program.run("--data", bad, "--out", folder / "stop", *program.ONE_STEP)
    listed = all(
        name in error
        for name in (
            "0_9001.jpg",
            "1_9001.png",
            "2_9001.jpg",
            "test/9001.jpg",
            "4 pictures are damaged",
            "--bad-images skip",
        )
    )
    yield expect(
        status == 1 and listed and not (folder / "stop/steps.csv").exists(), f"damaged pictures: {status}, '{error}'"
    )

    status, said, error = program.run(
        "--data", bad, "--out", folder / "skip", *program.ONE_STEP, "--bad-images", "skip"
    )
    yield expect(
        status == 0 and "2 damaged pictures of train are skipped" in said,
        f"--bad-images skip: {status}, '{said}{error}'",
    )
    whole = program.first_step(folder / "without", data)
    yield expect(
        (folder / "skip/steps.csv").read_text().splitlines()[1].split(",") == whole,
        "skipping gives other steps than a folder without",
    )
    yield expect(
        "9001" not in (folder / "skip/submission.csv").read_text(),
        "submission.csv has a row for a picture that was skipped",
    )


def complaints(folder):
    data = program.make_data(folder, train=100, valid=20, test=12)
    yield from usage(folder)
    for part in (mistakes, damaged):
        scratch = folder / part.__name__
        scratch.mkdir()
        yield from part(scratch, data)


if __name__ == "__main__":
    sys.exit(program.judge(complaints))
