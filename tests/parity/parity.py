"""Trains HW3 in tinycnn and in PyTorch: same weights, same pictures, same order; compares every step.

Run: ./dev parity [--data DIR] [--steps 10] [--threads 2] [--floor]
The exchange of weights is that of docs/weights.md, weights.py here: tinycnn starts from what PyTorch saved, or step 1
would differ; afterwards PyTorch loads tinycnn's best.safetensors strictly and must give the logits tinycnn wrote.
--floor also trains PyTorch in channels_last: its distance from PyTorch's own NCHW run is what rounding alone does.
The binary is build/release/hw3, or $HW3. Everything is written under build/parity. Exit code 0 if every line says PASS.
"""
import argparse
import csv
import os
import pathlib
import random
import shutil
import subprocess
import sys

import numpy
import torch
from torch import nn

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/golden"))

import parity_data  # noqa: E402
import weights  # noqa: E402
from torch_nets import Hw3, seeded  # noqa: E402

SEED, BATCH, LR, WEIGHT_DECAY, CLIP = 6666, 64, 3e-4, 1e-5, 10.0
LOGITS_BOUND = 1e-4
DATA_CANDIDATES = (ROOT / "hw3_data",)


def loss_bound(step):
    """The largest allowed relative difference of the loss; steps count from 1. Adam's first steps are nearly the signs of
    the gradients, so rounding errors grow."""
    return {1: 5e-6, 2: 1e-4}.get(step, 1e-2)


def arguments():
    parser = argparse.ArgumentParser(description="HW3 step by step against PyTorch.")
    parser.add_argument("--data", type=pathlib.Path, help="folder with train, valid, test; drawn if there is none")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--floor", action="store_true", help="also run PyTorch in channels_last")
    args = parser.parse_args()
    if args.data is None:
        args.data = next((p for p in DATA_CANDIDATES if (p / "train").is_dir()), None)
    return args


def train_torch(state, images, labels, steps, channels_last):
    """Losses and unclipped gradient norms of PyTorch's run."""
    net = Hw3()
    net.load_state_dict(state)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    net = net.to(memory_format=layout).train()
    optimizer = torch.optim.Adam(net.parameters(), lr=LR, weight_decay=WEIGHT_DECAY)
    rows = []
    for step in range(steps):
        part = slice(step * BATCH, (step + 1) * BATCH)
        x = torch.from_numpy(parity_data.load(images[part])).to(memory_format=layout)  # (N,3,128,128)
        loss = nn.CrossEntropyLoss()(net(x), labels[part])
        optimizer.zero_grad()
        loss.backward()
        # In double: the float32 norm clip_grad_norm_ returns is off by 2e-4 on 12.8 million values.
        norm = sum(p.grad.double().square().sum() for p in net.parameters()).sqrt()
        nn.utils.clip_grad_norm_(net.parameters(), CLIP)
        optimizer.step()
        rows.append((loss.item(), norm.item()))
    return rows


def train_tinycnn(binary, folder, steps, threads):
    """Runs hw3 and returns (loss, gradient norm) of every step from its steps.csv."""
    out = folder / "run"
    shutil.rmtree(out, ignore_errors=True)
    command = [binary, "--data", folder / "data", "--out", out, "--epochs", 1, "--max-steps", steps, "--lr", LR]
    command += ["--weight-decay", WEIGHT_DECAY, "--clip", CLIP, "--seed", SEED, "--threads", threads]
    command += ["--order", folder / "order.txt", "--init", folder / "init.safetensors"]
    print("$", *command, flush=True)
    result = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    (folder / "hw3.log").write_text(result.stdout)
    if result.returncode != 0:
        raise SystemExit(f"{result.stdout}\nhw3 ended with code {result.returncode}; see {folder / 'hw3.log'}.")
    with open(out / "steps.csv", newline="") as file:
        return [(float(row["loss"]), float(row["grad_norm"])) for row in csv.DictReader(file)]


def relative(a, b):
    return abs(a - b) / max(abs(b), 1e-30)


def compare_steps(ours, reference, floor):
    """Prints the table; returns whether every step is within its limit."""
    print(f"{'step':>4} {'loss torch':>12} {'loss tinycnn':>12} {'difference':>10} {'bound':>7} {'floor':>8}"
          f" {'norm torch':>10} {'norm tinycnn':>12}")
    passed = len(ours) >= len(reference)
    for i, ((loss, norm), (loss_torch, norm_torch)) in enumerate(zip(ours, reference)):
        difference, bound = relative(loss, loss_torch), loss_bound(i + 1)
        fits = difference <= bound  # false for NaN
        passed &= fits
        own = f"{relative(floor[i][0], loss_torch):.1e}" if floor else "-"
        print(f"{i + 1:>4} {loss_torch:>12.7f} {loss:>12.7f} {difference:>10.1e} {bound:>7.0e} {own:>8}"
              f" {norm_torch:>10.5f} {norm:>12.5f} {'PASS' if fits else 'FAIL'}")
    if len(ours) < len(reference):
        print(f"FAIL steps.csv holds {len(ours)} steps of {len(reference)}")
    return passed


def compare_exchange(folder):
    """Loads tinycnn's weights in PyTorch; returns whether the logits of the test pictures agree."""
    saved, logits_file = folder / "run/best.safetensors", folder / "run/logits.npy"
    if not saved.exists():
        print("weights: the run wrote no best.safetensors FAIL")
        return False
    net = Hw3()
    weights.from_tinycnn(net, saved)
    print(f"weights: best.safetensors loads strictly into PyTorch ({len(net.state_dict())} tensors) PASS")
    if not logits_file.exists():
        print("logits: the run wrote no logits.npy FAIL")
        return False
    with torch.no_grad():
        expected = net.eval()(torch.from_numpy(parity_data.load(sorted((folder / "data/test").iterdir())))).numpy()
    logits = numpy.load(logits_file)
    if logits.shape != expected.shape:
        print(f"logits: logits.npy has shape {logits.shape}, expected {expected.shape} FAIL")
        return False
    difference = numpy.abs(logits - expected).max() / numpy.abs(expected).max()
    fits = bool(difference <= LOGITS_BOUND)
    print(f"logits: {expected.shape[0]} test pictures, largest difference {difference:.1e} of the largest logit, "
          f"bound {LOGITS_BOUND:.0e} {'PASS' if fits else 'FAIL'}")
    return fits


def main():
    args = arguments()
    binary = pathlib.Path(os.environ.get("HW3", ROOT / "build/release/hw3"))
    if not binary.exists():
        raise SystemExit(f"{binary} does not exist; build it or set HW3 to its path.")
    torch.set_num_threads(args.threads)
    folder = ROOT / "build/parity"
    print(f"pictures: {args.data or 'drawn by the script'}; PyTorch {torch.__version__}, {args.threads} threads")
    parity_data.prepare(args.data, folder / "data", (args.steps * BATCH, BATCH, BATCH), SEED)
    order = sorted((folder / "data/train").iterdir())
    if len(order) < args.steps * BATCH:
        raise SystemExit(f"{len(order)} training pictures make {len(order) // BATCH} steps; give a smaller --steps.")
    random.Random(SEED).shuffle(order)
    (folder / "order.txt").write_text("".join(f"{p.name}\n" for p in order))
    net = seeded(SEED, Hw3)
    weights.to_tinycnn(net, folder / "init.safetensors")

    ours = train_tinycnn(binary, folder, args.steps, args.threads)
    labels = torch.tensor([parity_data.label_of(p) for p in order])
    reference = train_torch(net.state_dict(), order, labels, args.steps, channels_last=False)
    floor = train_torch(net.state_dict(), order, labels, args.steps, channels_last=True) if args.floor else None
    passed = compare_steps(ours, reference, floor)
    passed = compare_exchange(folder) and passed
    print("parity: PASS" if passed else "parity: FAIL")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
