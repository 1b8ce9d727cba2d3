"""Tests that a run of hw3 that is killed, interrupted or stopped by a full disk, and resumed, has bitwise the results of
an undisturbed run.

Run by ./dev test --all; the last line is 'N passed, N failed'.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import program

FLAGS = ("--epochs", 3, "--checkpoint-every", 2, "--threads", 2)
KILLS = 10


def differences(folder, expected, what):
    """Yields a message for each file of a finished run that differs from the expected one."""
    for name, content in program.results(folder).items():
        yield program.expect(content == expected[name], f"{what}: {name} differs from the undisturbed run's")


def wait_for(process, true, seconds=60):
    """Waits until a condition is true or the process has ended; returns whether it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        if true():
            return True
        time.sleep(0.01)
    return true()


def rows(file):
    return len(file.read_text().splitlines()) - 1 if file.exists() else 0


def killed(folder, data, expected, seconds):
    """A run that is killed at random moments, first a new one, then at every stage of a resumed one."""
    out = folder / "killed"
    chance = random.Random(6666)
    resume = ()
    for _ in range(KILLS):
        process = program.start("--data", data, "--out", out, *FLAGS, *resume)
        moment = chance.uniform(0.05, 0.6 * seconds)
        time.sleep(moment)
        process.kill()
        process.communicate()
        print(f"killed after {moment:.2f} s, steps written: {rows(out / 'steps.csv')}")
        resume = ("--resume",)
    status, _, error = program.run("--data", data, "--out", out, *FLAGS, "--resume")
    yield program.expect(status == 0, f"resuming after {KILLS} kills failed: {error}")
    if status == 0:
        yield from differences(out, expected, "killed")

    status, _, error = program.run("--out", out, "--resume")
    yield program.expect(status == 0, f"resuming a finished run failed: {error}")
    yield from differences(out, expected, "resumed when it was finished")


def interrupted(folder, data, expected):
    """After Ctrl-C, hw3 completes the step, saves and says how to resume, which works with another number of threads and
    without the flags."""
    out = folder / "interrupted"
    process = program.start("--data", data, "--out", out, *FLAGS)
    wait_for(process, lambda: rows(out / "steps.csv") >= 1)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    yield program.expect(
        process.returncode == 1 and "interrupted after step" in error and "--resume" in error,
        f"after Ctrl-C: status {process.returncode}, '{error}'",
    )
    # As if the clock had been changed: pictures have times in the future, checkpoints in the past.
    for picture in (data / "train").iterdir():
        os.utime(picture, (4e9, 4e9))
    os.utime(out / "last.ckpt", (0, 0))
    status, _, error = program.run("--out", out, "--resume", "--threads", 1, "--epochs", 3)
    yield program.expect(status == 0, f"resuming after Ctrl-C failed: {error}")
    yield from differences(out, expected, "interrupted")


def full_disk(folder, data, expected):
    """If the disk is full at a checkpoint, hw3 reports it; once there is space, the run resumes from the last checkpoint."""
    disk = folder / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=480m", "tmpfs", disk], stderr=subprocess.DEVNULL)
    if mounted.returncode:
        yield program.Skipped("a full disk was not tried: no small disk can be mounted here")
        return
    try:
        out = disk / "run"
        process = program.start("--data", data, "--out", out, *FLAGS)
        wait_for(process, lambda: (out / "last.ckpt").exists())
        with open(disk / "ballast", "wb") as ballast:
            try:
                while True:
                    ballast.write(b"\0" * (1 << 20))
                    ballast.flush()
            except OSError:
                pass
        _, error = process.communicate(timeout=60)
        yield program.expect(
            process.returncode == 1 and "No space left on device" in error and "run/" in error,
            f"on a full disk: status {process.returncode}, '{error}'",
        )
        (disk / "ballast").unlink()
        status, _, error = program.run("--data", data, "--out", out, *FLAGS, "--resume")
        yield program.expect(status == 0, f"resuming after a full disk failed: {error}")
        if status == 0:
            yield from differences(out, expected, "full disk")
        leftover = list(out.glob("*.partial"))
        yield program.expect(not leftover, f"left behind: {leftover}")
    finally:
        subprocess.run(["umount", disk], check=True)


def refused(folder, data):
    """Cases in which hw3 must refuse to resume."""
    out = folder / "undisturbed"
    for flags, why in (
        (("--lr", 1e-3), "--lr"),
        (("--seed", 1), "--seed"),
        (("--order", "sorted"), "--order"),
        (("--clip", 5), "--clip"),
        (("--weight-decay", 0), "--weight-decay"),
        (("--patience", 1), "--patience"),
        (("--bad-images", "skip"), "--bad-images"),
    ):
        status, _, error = program.run("--data", data, "--out", out, "--resume", *flags)
        yield program.expect(
            status == 1 and f"begun with {why}" in error, f"resuming with other {why}: {status}, '{error}'"
        )
    other = folder / "other"
    shutil.copytree(data, other)
    next((other / "valid").iterdir()).unlink()
    status, _, error = program.run("--data", other, "--out", out, "--resume")
    yield program.expect(status == 1 and "split 'valid'" in error, f"resuming on other pictures: {status}, '{error}'")

    checkpoint = out / "last.ckpt"
    sound = checkpoint.read_bytes()
    for name, content in (
        ("truncated", sound[:-1]),
        ("empty", b""),
        ("of weights", (out / "best.safetensors").read_bytes()),
        ("of another epoch", sound.replace(b'"epoch":"4"', b'"epoch":"x"')),
    ):
        checkpoint.write_bytes(content)
        status, _, error = program.run("--data", data, "--out", out, "--resume")
        yield program.expect(
            status == 1 and "last.ckpt" in error and len(error.splitlines()) == 1,
            f"a checkpoint that is {name}: {status}, '{error}'",
        )
    checkpoint.write_bytes(sound)


def one_at_a_time(folder, data):
    out = folder / "twice"
    first = program.start("--data", data, "--out", out, *FLAGS)
    wait_for(first, lambda: (out / "last.ckpt").exists())
    status, _, error = program.run("--data", data, "--out", out, *FLAGS, "--resume")
    yield program.expect(status == 1 and "another run" in error, f"a second run in one folder: {status}, '{error}'")
    first.kill()
    first.communicate()


def complaints(folder):
    data = program.make_data(folder, train=150, valid=40, test=30)
    start = time.monotonic()
    status, _, error = program.run("--data", data, "--out", folder / "undisturbed", *FLAGS)
    seconds = time.monotonic() - start
    yield program.expect(status == 0, f"the undisturbed run failed: {error}")
    expected = program.results(folder / "undisturbed")
    yield from killed(folder, data, expected, seconds)
    yield from interrupted(folder, data, expected)
    yield from full_disk(folder, data, expected)
    yield from refused(folder, data)
    yield from one_at_a_time(folder, data)


if __name__ == "__main__":
    sys.exit(program.judge(complaints))
