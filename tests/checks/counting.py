"""Checks that tests/run.py counts passed, failed and skipped cases correctly."""

import contextlib
import io
import pathlib
import sys
import tempfile

import compiler

sys.path.insert(0, str(compiler.ROOT / "tests"))
import run  # noqa: E402

# A check's output and exit status; then the expected counts (passed, failed, skipped) and exit status of tests/run.py.
CHECKS = [("3 passed, 0 failed", 0, (3, 0, 0), 0),
          ("3 passed, 1 failed", 1, (3, 1, 0), 1),
          ("3 passed, 0 failed", 1, (3, 1, 0), 1),  # failed after it had counted
          ("3 passed, 0 failed, 2 skipped", 0, (3, 0, 2), 0),
          ("no compiler\n0 passed, 0 failed, 1 skipped", 0, (0, 0, 1), 1),
          ("0 passed, 1 failed, 1 skipped", 1, (0, 1, 1), 1),
          ("0 passed, 0 failed", 0, (0, 0, 0), 1),
          ("a traceback", 1, (0, 1, 0), 1),
          ("nothing is counted", 0, (0, 1, 0), 1)]


def counted(fill):
    """Passed, failed, skipped and the exit status of a tally that fill(tally) filled."""
    tally = run.Tally("")
    with contextlib.redirect_stdout(io.StringIO()):
        fill(tally)
        status = tally.finish()
    return (tally.passed, tally.failed, tally.skipped), status


def judge(case):
    prints, exits, wanted, wanted_status = case
    with tempfile.TemporaryDirectory() as folder:
        script = pathlib.Path(folder) / "check.py"
        script.write_text(f"import sys\nprint({prints!r})\nsys.exit({exits})\n")
        got = counted(lambda tally: run.check(tally, "a check", script))
    return None if got == (wanted, wanted_status) else f"'{prints}', status {exits}, is counted as {got}"


def instructions_missing(tally):
    """Unit tests that were built for instructions this CPU lacks."""
    run.build = lambda *_: True
    run.unit_tests(tally, "unit tests", "test", runs_here=False)


def main():
    complaints = [judge(case) for case in CHECKS]
    got = counted(instructions_missing)
    complaints.append(None if got == ((0, 0, 1), 1) else f"unit tests that cannot run here are counted as {got}")
    for complaint in filter(None, complaints):
        print(complaint)
    return compiler.finish(complaints.count(None), len(complaints) - complaints.count(None))


if __name__ == "__main__":
    sys.exit(main())
