"""Times tinycnn beside its peers on the same work, step by step in turn, and prints the medians and their ratios.

Run: ./dev bench CASE... [--peers torch] [--threads 2] [--steps 7] [--json FILE]     (cases: see CASES)

Every system is one process that computes only when asked. It is started with
  --threads N --batch B --images FILE --labels FILE [--init FILE]
(float32 images (B,3,128,128) and int32 labels as raw little-endian bytes; weights as safetensors with PyTorch's names,
given where a peer runs), prints `ready`, and answers each line on its standard input with one line:
  step -> seconds of one training step on that batch
  loss -> `loss X`, that of the last step
  peak -> `peak_gflops X`, float32 FMA of all threads (asked of tinycnn only)
  quit -> `peak_rss_mb X` (10^6 bytes, VmHWM of /proc/self/status), then exits
The losses of the first step must agree to 1e-4 or there is no comparison.
GFLOP/s are those of the direct algorithm: a fraction of the peak above 1 means that fewer operations were done.
"""
import argparse
import array
import dataclasses
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build/bench"
WARM_UP = 2
LOSS_BOUND = 1e-4
TORCH_HW3 = (sys.executable, str(ROOT / "benchmarks/peers/torch_hw3.py"))
JEMALLOC = ("/usr/lib/x86_64-linux-gnu/libjemalloc.so.2", "/usr/lib64/libjemalloc.so.2", "/usr/lib/libjemalloc.so.2")


@dataclasses.dataclass(frozen=True)
class Setting:
    """One way to run one system: what the table calls it, the command without the common arguments, its environment."""

    system: str
    name: str
    command: tuple[str, ...]
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    needs: tuple[str, ...] = ()  # one of these files must exist; the first that does is preloaded


@dataclasses.dataclass(frozen=True)
class Case:
    """A piece of work: its batch, the direct algorithm's operations of a step, tinycnn's program, the peers."""

    batch: int
    classes: int
    gflop: float
    tinycnn: Setting
    peers: dict[str, tuple[Setting, ...]]
    write_init: tuple[str, ...]  # command that writes the common start; the file's name is appended


def torch_hw3(setting):
    return (*TORCH_HW3, "--setting", setting)


# Idle workers must not spin on the cores of the one that computes.
PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}
KEEP_PAGES = PASSIVE | {"MALLOC_CONF": "dirty_decay_ms:-1,muzzy_decay_ms:-1"}

CASES = {
    "hw3-train": Case(
        batch=64,
        classes=11,
        gflop=416.6,
        tinycnn=Setting("tinycnn", "f32", (os.environ.get("BENCH_HW3", str(ROOT / "build/release/bench_hw3")),)),
        peers={
            "torch": (
                Setting("torch", "eager NCHW, stock malloc", torch_hw3("stock-nchw"), PASSIVE),
                Setting("torch", "eager channels_last, stock malloc", torch_hw3("stock-nhwc"), PASSIVE),
                Setting("torch", "eager channels_last, jemalloc", torch_hw3("best-nhwc"), KEEP_PAGES, JEMALLOC),
            )
        },
        write_init=(*TORCH_HW3, "--write-init"),
    )
}


class Worker:
    """A running system; blocks on its standard input between questions."""

    def __init__(self, setting, arguments):
        environment = os.environ | setting.environment
        if setting.needs:
            environment["LD_PRELOAD"] = next(path for path in setting.needs if os.path.exists(path))
        self.setting = setting
        self.seconds = []
        self.process = subprocess.Popen(
            [*setting.command, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        if (answer := self.read()) != "ready":
            raise SystemExit(f"{setting.system} ({setting.name}) said {answer!r} where `ready` was expected.")

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            name = f"{self.setting.system} ({self.setting.name})"
            raise SystemExit(f"{name} ended early with code {self.process.wait()}.")
        return line.strip()

    def ask(self, question):
        """The number in the answer."""
        self.process.stdin.write(question + "\n")
        self.process.stdin.flush()
        return float(self.read().split()[-1])

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def write_batch(case):
    """The case's one batch, the same bytes on every machine."""
    draw = random.Random(6666)
    images = array.array("f", (draw.random() for _ in range(case.batch * 3 * 128 * 128)))  # (N,3,128,128)
    labels = array.array("i", (draw.randrange(case.classes) for _ in range(case.batch)))
    (FOLDER / "batch.bin").write_bytes(images.tobytes())
    (FOLDER / "labels.bin").write_bytes(labels.tobytes())


def usable(setting):
    if setting.needs and not any(os.path.exists(path) for path in setting.needs):
        print(f"left out: {setting.system} ({setting.name}): none of {', '.join(setting.needs)} exists")
        return False
    if not os.path.exists(setting.command[0]):
        raise SystemExit(f"{setting.command[0]} does not exist; build it first.")
    return True


def cpu_name():
    fields = [line.split(":", 1) for line in open("/proc/cpuinfo") if ":" in line]
    return next((value.strip() for key, value in fields if key.strip() == "model name"), "unknown")


def check_losses(workers):
    losses = [worker.ask("loss") for worker in workers]
    for worker, loss in zip(workers, losses):
        if not abs(loss - losses[0]) <= LOSS_BOUND * abs(losses[0]):
            raise SystemExit(
                f"The first step's loss is {losses[0]} in {workers[0].setting.system} and {loss} in "
                f"{worker.setting.system} ({worker.setting.name}): they do not compute the same thing."
            )
    return losses[0]


def run_case(name, case, args):
    """Rows of the result, tinycnn first, and the FMA peak in GFLOP/s."""
    peers = [setting for peer in args.peers for setting in case.peers[peer]]
    settings = [setting for setting in (case.tinycnn, *peers) if usable(setting)]
    write_batch(case)
    arguments = ["--threads", str(args.threads), "--batch", str(case.batch)]
    arguments += ["--images", str(FOLDER / "batch.bin"), "--labels", str(FOLDER / "labels.bin")]
    if peers:
        subprocess.run([*case.write_init, str(FOLDER / f"{name}.safetensors")], check=True)
        arguments += ["--init", str(FOLDER / f"{name}.safetensors")]
    workers = []
    try:
        for setting in settings:
            workers.append(Worker(setting, arguments))
        peak = workers[0].ask("peak")
        for worker in workers:
            worker.ask("step")
        loss = check_losses(workers)
        for turn in range(1, WARM_UP + args.steps):
            for worker in workers:
                seconds = worker.ask("step")
                if turn >= WARM_UP:
                    worker.seconds.append(seconds)
        peak = max(peak, workers[0].ask("peak"))
        memory = [worker.ask("quit") for worker in workers]
    finally:
        for worker in workers:
            worker.close()
    print(f"{name}: batch {case.batch}, {args.threads} threads, {args.steps} steps in turn, first loss {loss:.6f}")
    return [result(name, case, worker, rss, args.threads) for worker, rss in zip(workers, memory)], peak


def result(name, case, worker, rss, threads):
    median = statistics.median(worker.seconds)
    return {
        "case": name,
        "system": worker.setting.system,
        "setting": worker.setting.name,
        "median_s": median,
        "min_s": min(worker.seconds),
        "max_s": max(worker.seconds),
        "images_per_s": case.batch / median,
        "gflops": case.gflop / median,
        "peak_rss_mb": rss,
        "threads": threads,
        "cpu": cpu_name(),
    }


def print_table(rows, peak):
    ours = rows[0]["median_s"]
    print(f"{rows[0]['cpu']}; float32 FMA peak of this run {peak:.0f} GFLOP/s")
    print(f"{'system':<8} {'setting':<34} {'median s':>8} {'min':>7} {'max':>7} {'images/s':>8}"
          f" {'GFLOP/s':>8} {'of peak':>7} {'RSS MB':>7} {'tinycnn is':>10}")
    for row in rows:
        print(f"{row['system']:<8} {row['setting']:<34} {row['median_s']:>8.3f} {row['min_s']:>7.3f}"
              f" {row['max_s']:>7.3f} {row['images_per_s']:>8.1f} {row['gflops']:>8.0f} {row['gflops'] / peak:>7.2f}"
              f" {row['peak_rss_mb']:>7.0f} {row['median_s'] / ours:>9.2f}x")


def main():
    parser = argparse.ArgumentParser(description="tinycnn and its peers, timed in turn.")
    parser.add_argument("cases", nargs="+", choices=CASES, metavar="CASE", help=", ".join(CASES))
    peers = sorted({peer for case in CASES.values() for peer in case.peers})
    parser.add_argument("--peers", nargs="*", default=[], choices=peers)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=7)
    parser.add_argument("--json", type=pathlib.Path, help="write the rows of all cases to this file")
    args = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    results = []
    for name in args.cases:
        rows, peak = run_case(name, CASES[name], args)
        print_table(rows, peak)
        results += rows
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
