"""PyTorch's side of the case hw3-train: a worker that speaks the protocol of benchmarks/bench.py.

stock-nchw is what the course's program does; best-nhwc adds the fused Adam (and its caller preloads jemalloc).
"""
import argparse
import pathlib
import sys
import time

import numpy
import safetensors.torch
import torch
from torch import nn

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests"))
from torch_nets import Hw3, seeded  # noqa: E402

# setting -> memory format, fused Adam
SETTINGS = {
    "stock-nchw": (torch.contiguous_format, False),
    "stock-nhwc": (torch.channels_last, False),
    "best-nhwc": (torch.channels_last, True),
}


class Training:
    def __init__(self, args):
        layout, fused = SETTINGS[args.setting]
        net = seeded(6666, Hw3)
        if args.init:
            net.load_state_dict(safetensors.torch.load_file(args.init))
        self.net = net.to(memory_format=layout).train()
        images = numpy.fromfile(args.images, dtype="<f4").reshape(args.batch, 3, 128, 128)
        self.images = torch.from_numpy(images).to(memory_format=layout)
        self.labels = torch.from_numpy(numpy.fromfile(args.labels, dtype="<i4").astype(numpy.int64))
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(net.parameters(), lr=3e-4, weight_decay=1e-5, fused=fused)
        self.loss = float("nan")

    def step(self):
        start = time.perf_counter()
        loss = self.criterion(self.net(self.images), self.labels)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 10)
        self.optimizer.step()
        self.loss = loss.item()
        return time.perf_counter() - start


def peak_rss_mb():
    """Of this process alone: getrusage would also count the parent's pages at the fork."""
    line = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def serve(training):
    print("ready", flush=True)
    for line in sys.stdin:
        question = line.strip()
        if question == "step":
            print(f"{training.step():.6f}", flush=True)
        elif question == "loss":
            print(f"loss {training.loss:.9g}", flush=True)
        elif question == "quit":
            print(f"peak_rss_mb {peak_rss_mb():.1f}", flush=True)
            return
        else:
            raise SystemExit(f"unknown question {question!r}")


def main():
    parser = argparse.ArgumentParser(description="PyTorch worker of the case hw3-train.")
    parser.add_argument("--setting", choices=SETTINGS, default="best-nhwc")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--images")
    parser.add_argument("--labels")
    parser.add_argument("--init")
    parser.add_argument("--write-init", metavar="FILE", help="write the network drawn at seed 6666 and stop")
    args = parser.parse_args()
    if args.write_init:
        safetensors.torch.save_file(seeded(6666, Hw3).state_dict(), args.write_init)
        return
    torch.set_num_threads(args.threads)
    serve(Training(args))


if __name__ == "__main__":
    main()
