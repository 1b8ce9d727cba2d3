"""The case `scaling`: HW3's cost as a function of batch size, image size, width and threads."""
import dataclasses
import statistics

from race import FOLDER, write_batch
from report import Report, json_row, table
from settings import tinycnn
from worker import Worker

CONTRACT = 1.85  # required speed-up of training by two threads
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@dataclasses.dataclass(frozen=True)
class Point:
    """What one run of bench_scaling.cpp computes, by its `variant`."""

    what: str
    at: str
    variant: str
    batch: int = 64
    image: int = 128


POINTS = (
    *(Point("training, batch", str(n), "batch", n) for n in BATCHES),
    *(Point("prediction, batch", str(n), f"predict {n}", n) for n in BATCHES),
    *(Point("training, image", str(s), f"image {s}", image=s) for s in (32, 64, 96, 128, 160, 192, 224)),
    *(Point("training, width", w, f"width {w}") for w in ("1/2", "1", "3/2", "2")),
)


@dataclasses.dataclass
class Measured:
    point: Point
    seconds: list[float]
    gflop: float
    peak: float  # GFLOP/s, all threads
    rss_mb: float

    def median(self):
        return statistics.median(self.seconds)


class Scaling:
    """None."""

    def run(self, name, args):
        measured = []
        for point in POINTS:
            with worker_of(name, point, args.threads) as worker:
                measured.append(finish(point, worker, take_steps([worker], args.steps)[0]))
        rows = [json_row(name, tinycnn("bench_scaling", f"{m.point.what} {m.point.at}"), m.seconds, m.point.batch,
                         m.gflop, m.rss_mb, args.threads) for m in measured]
        report = Report(rows, lines(name, measured, args.threads))
        compare_threads(name, report, args)
        return report


def worker_of(name, point, threads):
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    write_batch(folder, point.batch, point.image)
    small = 64 * 128 * 128 // (point.batch * point.image * point.image)
    return Worker(tinycnn("bench_scaling"), [
        "--threads", str(threads), "--batch", str(point.batch), "--variant", point.variant,
        "--repeats", str(max(1, min(small, 10))), "--images", str(folder / "images.bin"),
        "--labels", str(folder / "labels.bin")], folder / "stderr.txt")


def take_steps(workers, steps):
    """The seconds of each worker's steps, interleaved, after a warm-up step each."""
    seconds = [[] for _ in workers]
    for turn in range(-1, steps):
        for worker, taken in zip(workers, seconds):
            second = worker.numbers("step")[0]
            if turn >= 0:
                taken.append(second)
    return seconds


def finish(point, worker, seconds):
    gflop = worker.numbers("work")[0]
    peak = worker.numbers("peak")[0]
    return Measured(point, seconds, gflop, peak, worker.numbers("quit")[0])


def lines(name, measured, threads):
    peak = max(m.peak for m in measured)
    columns = [
        ("what", lambda m: m.point.what),
        ("at", lambda m: m.point.at),
        ("median ms", lambda m: f"{1e3 * m.median():.1f}"),
        ("min", lambda m: f"{1e3 * min(m.seconds):.1f}"),
        ("max", lambda m: f"{1e3 * max(m.seconds):.1f}"),
        ("ms an image", lambda m: f"{1e3 * m.median() / m.point.batch:.2f}"),
        ("GFLOP/s", lambda m: f"{m.gflop / m.median():.0f}"),
        ("of peak", lambda m: f"{m.gflop / m.median() / peak:.2f}"),
        ("RSS MB", lambda m: f"{m.rss_mb:.0f}"),
    ]
    return [f"{name}: HW3, batch 64, 128 x 128, width 1 where not said otherwise, {threads} threads; "
            f"FMA peak of this run {peak:.0f} GFLOP/s"] + table(columns, measured)


def compare_threads(name, report, args):
    """Appends interleaved steps on one thread and on all threads."""
    for point in (Point("training", "batch 64", "width 1"), Point("prediction", "batch 64", "predict 64"),
                  Point("prediction", "batch 1", "predict 1", 1)):
        counts = (1, args.threads)
        workers = []
        try:
            for threads in counts:
                workers.append(worker_of(name, point, threads))
            seconds = take_steps(workers, args.steps)
            measured = [finish(point, *both) for both in zip(workers, seconds)]
        finally:
            for worker in workers:
                worker.close()
        what = f"{point.what}, {point.at}"
        for m, threads in zip(measured, counts):
            report.rows.append(json_row(name, tinycnn("bench_scaling", f"{what}, threads {threads}"), m.seconds,
                                        point.batch, m.gflop, m.rss_mb, threads))
        one, all_of_them = (m.median() for m in measured)
        contract = f"; contract {CONTRACT}" if point.what == "training" else ""
        report.lines.append(f"{what}: {1e3 * one:.1f} ms on 1 thread, {1e3 * all_of_them:.1f} on {args.threads}, "
                            f"{one / all_of_them:.2f}x{contract}")
