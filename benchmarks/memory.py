"""The case `memory`: the peak resident memory of a training process."""
import dataclasses

from race import BOUNDS, FOLDER, Race, check_result, first_result, usable
from report import Report, json_row, table
from worker import Worker

CONTRACT = 1 / 3  # the largest ratio of tinycnn, without mapped files, to the smallest f32 peer


@dataclasses.dataclass(frozen=True)
class Memory:
    """The training cases, one system at a time."""

    races: tuple[Race, ...]

    def run(self, name, args):
        report = Report([], [])
        for race in self.races:
            chosen = [s for system in args.peers for s in race.peers.get(system, ()) if usable(s)]
            arguments = race.prepare(f"{name}-{race.net}", args, chosen)
            runs = []
            for setting in (race.tinycnn, *chosen):
                with Worker(setting, arguments, FOLDER / f"{name}-{race.net}/stderr.txt") as worker:
                    loss = first_result(worker)
                    if setting is race.tinycnn:
                        start, gflop = loss, worker.numbers("work")[0]
                    check_result(setting, loss, start, BOUNDS["train", setting.precision])
                    seconds = [worker.numbers("step")[0] for _ in range(args.steps)]
                    runs.append((setting, worker.numbers("quit")))
                report.rows.append(json_row(name, setting, seconds, race.batch, gflop, runs[-1][1][0], args.threads))
            report.lines += lines(name, race, runs, args)
        return report


def lines(name, race, runs, args):
    columns = [
        ("system", lambda r: r[0].system),
        ("setting", lambda r: r[0].name),
        ("peak RSS MB", lambda r: f"{r[1][0]:.0f}"),
        ("without mapped files", lambda r: f"{r[1][0] - r[1][1]:.0f}"),
    ]
    head = [f"{name}: {race.net}, training steps of {race.batch} images, {args.threads} threads"]
    others = [r for r in runs[1:] if r[0].precision == "f32"]
    if not others:
        return head + table(columns, runs)
    ours = runs[0][1][0] - runs[0][1][1]
    setting, (peak, files) = min(others, key=lambda r: r[1][0])
    return head + table(columns, runs) + [
        f"tinycnn, without mapped files, takes {ours / peak:.2f} of the smallest f32 peer's peak, {setting}, "
        f"{ours / (peak - files):.2f} if its files are left out, too; contract {CONTRACT:.2f} for hw3"]
