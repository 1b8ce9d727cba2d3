"""The cases of training and inference: systems do the same work alternately, tinycnn and one peer at a time."""
import array
import dataclasses
import os
import random
import statistics
import subprocess
import sys

from report import Report, json_row, table
from settings import ROOT, peer
from worker import Setting, Worker

FOLDER = ROOT / "build/bench"
WARM_UP = 2
CLASSES = 11

# The largest allowed difference of another system's loss or logits from tinycnn's: rms of the difference over rms.
BOUNDS = {("train", "f32"): 1e-4, ("train", "bf16"): 2e-2, ("infer", "f32"): 1e-3, ("infer", "bf16"): 5e-2}
FORMS = {"openvino": "onnx", "onnxruntime": "onnx", "mnn": "mnn", "ncnn": "ncnn"}


@dataclasses.dataclass(frozen=True)
class Race:
    """A case: the network, the work to do, and the systems that do it."""

    net: str
    mode: str  # train or infer
    batch: int
    tinycnn: Setting
    peers: dict[str, tuple[Setting, ...]]
    repeats: int = 1
    contracts: tuple[tuple[str, float], ...] = ()  # precision of the peers -> required ratio to the fastest

    def run(self, name, args):
        chosen = [setting for system in args.peers for setting in self.peers.get(system, ()) if usable(setting)]
        if args.against:
            chosen.append(earlier(self.tinycnn, args.against))
        arguments = self.prepare(name, args, chosen)
        entrants = self.compete(name, chosen, arguments, args.steps)
        rows = [json_row(name, e.setting, e.seconds, self.batch, e.gflop, e.memory[0], args.threads) for e in entrants]
        return Report(rows, self.lines(name, entrants, rows, args))

    def prepare(self, name, args, chosen):
        """Writes the input files; returns the common command line."""
        folder = FOLDER / name
        folder.mkdir(parents=True, exist_ok=True)
        write_batch(folder, self.batch)
        arguments = ["--threads", str(args.threads), "--batch", str(self.batch), "--repeats", str(self.repeats)]
        arguments += ["--images", str(folder / "images.bin"), "--labels", str(folder / "labels.bin")]
        if any(setting.system != "tinycnn" for setting in chosen):
            weights = folder / "weights.safetensors"
            forms = sorted({FORMS[s.system] for s in chosen if s.system in FORMS})
            subprocess.run([*peer("prepare", self.net, self.mode, str(self.batch), str(weights)), *forms], check=True)
            arguments += ["--weights", str(weights)]
        return arguments

    def compete(self, name, chosen, arguments, steps):
        """The results of tinycnn, then of its peers."""
        log = FOLDER / name / "stderr.txt"
        workers = []
        try:
            ours = Worker(self.tinycnn, arguments, log)
            workers.append(ours)
            gflop = ours.numbers("work")
            start = first_result(ours)
            peak = ours.numbers("peak")[0]
            entrants = [Entrant(self.tinycnn, gflop[0], gflop[1])]
            for setting in chosen:
                other = Worker(setting, arguments, log.with_name("stderr_peer.txt"))
                workers.append(other)
                check_result(setting, first_result(other), start, BOUNDS[self.mode, setting.precision])
                entrant = Entrant(setting, gflop[0])
                entrant.take_turns(other, ours, steps)
                entrant.memory = other.numbers("quit")
                entrants.append(entrant)
                entrants[0].seconds += entrant.ours
            if not chosen:
                entrants[0].take_turns(ours, None, steps)
            entrants[0].peak = max(peak, ours.numbers("peak")[0])
            entrants[0].memory = ours.numbers("quit")
        finally:
            for worker in workers:
                worker.close()
        return entrants

    def lines(self, name, entrants, rows, args):
        peak = entrants[0].peak
        both = list(zip(entrants, rows))
        columns = [
            ("system", lambda b: b[1]["system"]),
            ("setting", lambda b: b[1]["setting"]),
            ("median ms", lambda b: f"{1e3 * b[1]['median_s']:.1f}"),
            ("min", lambda b: f"{1e3 * b[1]['min_s']:.1f}"),
            ("max", lambda b: f"{1e3 * b[1]['max_s']:.1f}"),
            ("images/s", lambda b: f"{b[1]['images_per_s']:.1f}"),
            ("GFLOP/s", lambda b: f"{b[1]['gflops']:.0f}"),
            ("of peak", lambda b: f"{b[1]['gflops'] / peak:.2f}"),
            ("RSS MB", lambda b: f"{b[1]['peak_rss_mb']:.0f}"),
            ("tinycnn is", lambda b: f"{b[0].ratio():.2f}x"),
        ]
        done = entrants[0].executed / rows[0]["median_s"]
        work = "training steps" if self.mode == "train" else "predictions"
        count = "1 image" if self.batch == 1 else f"{self.batch} images"
        head = [
            f"{name}: {work} of {count}, {args.threads} threads; FMA peak of this run {peak:.0f} GFLOP/s, "
            f"tinycnn executes {done:.0f} ({done / peak:.2f})"
        ]
        return head + table(columns, both) + self.verdict(entrants)

    def verdict(self, entrants):
        """The ratio to the fastest peer of each precision, and the contract."""
        ratios, contracts = [], []
        for precision in ("f32", "bf16"):
            others = [e for e in entrants[1:] if e.setting.precision == precision and e.setting.system != "tinycnn"]
            if not others:
                continue
            best = min(others, key=Entrant.ratio)
            ratios.append(f"{best.ratio():.2f}x the best {precision} peer, {best.setting}")
            if contract := dict(self.contracts).get(precision):
                contracts.append(f"{contract:.1f}" if precision == "f32" else f"{precision} {contract:.1f}")
        if not ratios:
            return []
        return ["tinycnn is " + ", ".join(ratios) + (f"; contract {', '.join(contracts)}" if contracts else "")]


class Entrant:
    """The times of one setting, and those of tinycnn's steps interleaved with them."""

    def __init__(self, setting, gflop, executed=0.0):
        self.setting = setting
        self.gflop = gflop
        self.executed = executed
        self.seconds, self.ours = [], []
        self.memory = []
        self.peak = 0.0

    def take_turns(self, worker, ours, steps):
        for turn in range(-WARM_UP, steps):
            order = [worker, ours] if turn % 2 else [ours, worker]  # neither is always the first
            seconds = {w: w.numbers("step")[0] for w in order if w}
            if turn >= 0:
                self.seconds.append(seconds[worker])
                self.ours += [seconds[ours]] if ours else []

    def ratio(self):
        return statistics.median(self.seconds) / statistics.median(self.ours or self.seconds)


def first_result(worker):
    worker.ask("step")
    return worker.numbers("result")


def distance(numbers, expected):
    """rms of the difference over rms of the expected values; infinite if their numbers differ."""
    if len(numbers) != len(expected):
        return float("inf")
    error = sum((a - b) ** 2 for a, b in zip(numbers, expected))
    return (error / sum(b * b for b in expected)) ** 0.5


def check_result(setting, numbers, expected, bound):
    if not distance(numbers, expected) <= bound:
        raise SystemExit(f"{setting} does not compute what tinycnn does: {numbers[:4]} … against {expected[:4]} …, "
                         f"{distance(numbers, expected):.2g} apart, at most {bound:g} allowed.")


def write_batch(folder, batch, image=128):
    """One batch, bitwise the same on every machine."""
    draw = random.Random(6666)
    brightness = [k / 255 for k in range(256)]
    images = array.array("f", map(brightness.__getitem__, draw.randbytes(batch * 3 * image * image)))  # (N,3,H,W)
    labels = array.array("i", (draw.randrange(CLASSES) for _ in range(batch)))
    (folder / "images.bin").write_bytes(images.tobytes())
    (folder / "labels.bin").write_bytes(labels.tobytes())


def earlier(setting, build):
    """The same program from another build folder."""
    program = build / os.path.basename(setting.command[0])
    return dataclasses.replace(setting, name=f"against {build.parents[1].name}", command=(str(program),))


def usable(setting):
    if setting.preload and not setting.preloaded():
        print(f"left out: {setting}: none of {', '.join(setting.preload)} exists", file=sys.stderr)
        return False
    if not os.path.exists(setting.command[0]):
        raise SystemExit(f"{setting.command[0]} does not exist; build it first.")
    return True
