"""The case `layers`: each pass of the convolutions of HW3 and ResNet-18, and of other shapes, by itself.

Some CPUs lower their clock frequency while multiplying data from memory (a Xeon by 11 %) and raise it again within
milliseconds. So two peaks are measured: the highest (`peak`), and that right after the pass, at its frequency (`there`).
"""
import dataclasses
import statistics

from race import FOLDER
from report import Report, json_row, table
from settings import tinycnn
from worker import Worker

BATCH = 64
PASSES = ("forward", "input gradient", "weight gradient")
DIRECT_CONTRACT, DEPTHWISE_CONTRACT = 0.75, 0.7


@dataclasses.dataclass(frozen=True)
class Shape:
    """A convolution on square images; if `first`, the gradient of its input is not needed."""

    net: str
    name: str
    c: int
    side: int
    o: int
    kernel: int = 3
    stride: int = 1
    padding: int = 1
    dilation: int = 1
    groups: int = 1

    def question(self, number):
        return (f"{self.c} {self.side} {self.side} {self.o} {self.kernel} {self.stride} {self.padding} {self.dilation} "
                f"{self.groups} {BATCH} {number}")

    def passes(self):
        return [k for k in range(3) if k != 1 or self.c > 3]  # the gradient of the input image is not needed

    def depthwise(self):
        return self.groups == self.c

    def even(self):
        """Whether the contract for the direct algorithm covers it."""
        return self.c // self.groups % 16 == 0 and self.o // self.groups % 16 == 0


SHAPES = (
    Shape("HW3", "conv1", 3, 128, 64),
    Shape("HW3", "conv2", 64, 64, 128),
    Shape("HW3", "conv3", 128, 32, 256),
    Shape("HW3", "conv4", 256, 16, 512),
    Shape("HW3", "conv5", 512, 8, 512),
    Shape("ResNet-18", "conv1 7x7/2", 3, 128, 64, 7, 2, 3),
    Shape("ResNet-18", "layer1", 64, 32, 64),
    Shape("ResNet-18", "layer2.0.conv1 /2", 64, 32, 128, 3, 2),
    Shape("ResNet-18", "layer2.0.downsample", 64, 32, 128, 1, 2, 0),
    Shape("ResNet-18", "layer2", 128, 16, 128),
    Shape("ResNet-18", "layer3.0.conv1 /2", 128, 16, 256, 3, 2),
    Shape("ResNet-18", "layer3.0.downsample", 128, 16, 256, 1, 2, 0),
    Shape("ResNet-18", "layer3", 256, 8, 256),
    Shape("ResNet-18", "layer4.0.conv1 /2", 256, 8, 512, 3, 2),
    Shape("ResNet-18", "layer4.0.downsample", 256, 8, 512, 1, 2, 0),
    Shape("ResNet-18", "layer4", 512, 4, 512),
    Shape("other", "1x1 256 -> 64, 56x56", 256, 56, 64, 1, 1, 0),
    Shape("other", "1x1 128 -> 512, 28x28", 128, 28, 512, 1, 1, 0),
    Shape("other", "1x1 512 -> 2048, 7x7", 512, 7, 2048, 1, 1, 0),
    Shape("other", "7x7/2 64 -> 64, 56x56", 64, 56, 64, 7, 2, 3),
    Shape("other", "5x5 64 -> 64, 28x28", 64, 28, 64, 5, 1, 2),
    Shape("other", "3x3/2 128 -> 128, 56x56", 128, 56, 128, 3, 2, 1),
    Shape("other", "3x3 dilation 2, 128 -> 128, 28x28", 128, 28, 128, 3, 1, 2, 2),
    Shape("other", "3x3 in 4 groups, 128 -> 128, 28x28", 128, 28, 128, 3, 1, 1, 1, 4),
    Shape("other", "3x3/2 in 8 groups, 256 -> 256, 28x28", 256, 28, 256, 3, 2, 1, 1, 8),
    Shape("other", "depthwise 3x3, 64, 112x112", 64, 112, 64, groups=64),
    Shape("other", "depthwise 3x3/2, 128, 56x56", 128, 56, 128, 3, 2, groups=128),
    Shape("other", "depthwise 3x3, 512, 14x14", 512, 14, 512, groups=512),
)


BLOCKS = ("Conv+BatchNorm+ReLU", "Conv+ReLU", "Conv+BatchNorm+SiLU")
BLOCKS_CONTRACT = (1, 1.10, 1.25)  # of the first


@dataclasses.dataclass
class Measured:
    shape: Shape
    what: str
    algorithm: str
    seconds: list[float]
    direct: float  # GFLOP
    executed: float
    gbytes: float
    peak: float  # GFLOP/s, at the clock frequency of the pass
    copy: float  # bandwidth of a copy, GB/s; 0 if it is not the limit

    def of_peak(self):
        return self.executed / self.median() / self.peak

    def of_copy(self):
        return self.gbytes / self.median() / self.copy

    def median(self):
        return statistics.median(self.seconds)

    def __str__(self):
        return f"{self.shape.name} {self.what}"


class Layers:
    """None: peers are compared on networks."""

    def run(self, name, args):
        FOLDER.mkdir(parents=True, exist_ok=True)
        with Worker(tinycnn("bench_layers"), ["--threads", str(args.threads), "--repeats", "3"],
                    FOLDER / "layers_stderr.txt") as worker:
            peak = worker.numbers("peak")[0]
            measured = [measure(worker, shape, k, args.steps) for shape in SHAPES for k in shape.passes()]
            blocks = [(channels, measure_blocks(worker, channels, args.steps)) for channels in (64, 256)]
            peak = max(peak, worker.numbers("peak")[0])
            rss = worker.numbers("quit")[0]
        rows = [json_row(name, tinycnn("bench_layers", f"{m.shape.net} {m}, {m.algorithm}"), m.seconds, BATCH, m.direct,
                         rss, args.threads) for m in measured]
        return Report(rows, lines(name, measured, peak, args.threads) + block_lines(blocks))


def measure(worker, shape, number, steps):
    gbytes, algorithm = worker.ask("take " + shape.question(number))
    direct, executed = worker.numbers("work")
    bandwidth = [worker.numbers("bandwidth")[0]] if shape.depthwise() else [0]
    seconds, peaks = [], []
    for _ in range(steps):
        seconds.append(worker.numbers("step")[0])
        peaks.append(worker.numbers("clock")[0])
    if shape.depthwise():
        bandwidth.append(worker.numbers("bandwidth")[0])
    return Measured(shape, PASSES[number], algorithm, seconds, direct, executed, float(gbytes),
                    statistics.median(peaks), max(bandwidth))


def measure_blocks(worker, channels, steps):
    """Seconds of training steps of four blocks of each kind, the kinds interleaved in rounds."""
    seconds = [[] for _ in BLOCKS]
    for _ in range(3):
        for kind, of_kind in enumerate(seconds):
            worker.ask(f"take blocks {channels} {kind}")
            worker.numbers("step")
            of_kind.extend(worker.numbers("step")[0] for _ in range(steps))
    return seconds


def block_lines(blocks):
    text = []
    for channels, seconds in blocks:
        base = statistics.median(seconds[0])
        text += [f"training step of four blocks of {channels} channels, {name}: median {1e3 * statistics.median(of_kind):.2f} ms, "
                 f"{statistics.median(of_kind) / base:.2f} of {BLOCKS[0]}; contract {contract:.2f}"
                 for name, of_kind, contract in zip(BLOCKS, seconds, BLOCKS_CONTRACT)]
    return text


def lines(name, measured, peak, threads):
    columns = [
        ("of", lambda m: m.shape.net),
        ("convolution", lambda m: m.shape.name),
        ("pass", lambda m: m.what),
        ("algorithm", lambda m: m.algorithm),
        ("median ms", lambda m: f"{1e3 * m.median():.2f}"),
        ("min", lambda m: f"{1e3 * min(m.seconds):.2f}"),
        ("max", lambda m: f"{1e3 * max(m.seconds):.2f}"),
        ("GFLOP/s", lambda m: f"{m.direct / m.median():.0f}"),
        ("executed", lambda m: f"{m.executed / m.median():.0f}"),
        ("of peak", lambda m: f"{m.executed / m.median() / peak:.2f}"),
        ("there", lambda m: f"{m.of_peak():.2f}"),
        ("GB/s", lambda m: f"{m.gbytes / m.median():.1f}" if m.copy else ""),
        ("of copy", lambda m: f"{m.of_copy():.2f}" if m.copy else ""),
    ]
    copy = max(m.copy for m in measured)
    there = statistics.median(m.peak for m in measured)
    head = [f"{name}: batch {BATCH}, {threads} threads; FMA peak of this run {peak:.0f} GFLOP/s, {there:.0f} right after "
            f"these passes (median), a copy moves {copy:.0f} GB/s",
            "`of peak` is of what is executed, `there` of the peak right after the pass; GB/s of depthwise count input and "
            "output once"]
    direct = min((m for m in measured if m.algorithm == "direct" and m.shape.even()), key=Measured.of_peak)
    depthwise = min((m for m in measured if m.shape.depthwise()), key=Measured.of_copy)
    return head + table(columns, measured) + [
        f"lowest of direct with 16n channels a group: {direct.of_peak():.2f} of the peak there, "
        f"{direct}; contract {DIRECT_CONTRACT:.2f}",
        f"lowest of depthwise: {depthwise.of_copy():.2f} of the copy's bandwidth, "
        f"{depthwise}; contract {DEPTHWISE_CONTRACT:.2f}",
    ]
