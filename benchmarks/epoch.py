"""The case `epoch`: HW3's training on a folder of JPEGs, compared with as many steps on one batch in memory."""
import dataclasses
import statistics
import subprocess

from race import FOLDER
from report import Report, json_row, table
from settings import tinycnn

CONTRACT = 1.10  # the largest ratio of a cached epoch to its steps alone


@dataclasses.dataclass(frozen=True)
class Epoch:
    """Runs bench_epoch.cpp and collects its `NAME NUMBER` lines by name."""

    rounds: int = 3

    def run(self, name, args):
        scratch = FOLDER / name
        scratch.mkdir(parents=True, exist_ok=True)
        setting = tinycnn("bench_epoch")
        command = [*setting.command, "--scratch", str(scratch), "--threads", str(args.threads), "--rounds",
                   str(self.rounds)]
        if args.data:
            command += ["--data", str(args.data)]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        numbers = {}
        for line in output.splitlines():
            key, value = line.split()
            numbers.setdefault(key, []).append(float(value))
        (pictures,), (steps,), (gflop,), (rss_mb,) = (numbers[k] for k in ("pictures", "steps", "gflop", "rss_mb"))
        timed = {"first epoch, decoded": numbers["first_epoch_s"], "cached epoch": numbers["cached_epoch_s"],
                 "steps alone": numbers["steps_alone_s"]}
        ratio = statistics.median(timed["cached epoch"]) / statistics.median(timed["steps alone"])
        columns = [
            ("what", lambda r: r[0]),
            ("median s", lambda r: f"{statistics.median(r[1]):.2f}"),
            ("min", lambda r: f"{min(r[1]):.2f}"),
            ("max", lambda r: f"{max(r[1]):.2f}"),
            ("images/s", lambda r: f"{pictures / statistics.median(r[1]):.1f}"),
        ]
        report = Report([], [f"{name}: hw3, {pictures:.0f} JPEGs, {steps:.0f} steps, {args.threads} threads, "
                             "cached epochs and steps alone in turn"])
        for what, seconds in timed.items():
            row = dataclasses.replace(setting, name=what)
            report.rows.append(json_row(name, row, seconds, pictures, gflop, rss_mb, args.threads))
        report.lines += table(columns, timed.items())
        report.lines.append(f"a cached epoch takes {ratio:.3f} of its steps alone; contract at most {CONTRACT:.2f}")
        return report
