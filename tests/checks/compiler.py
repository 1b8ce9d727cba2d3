"""Runs a compiler on many sources in parallel and counts the results. Shared by the checks."""

import concurrent.futures
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
JOBS = len(os.sched_getaffinity(0))
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow"]
EIGEN = ["-isystem", "/usr/include/eigen3"]  # where Debian has it; xtensor needs no path


def syntax_only(compiler, arguments):
    """Compiles without output; returns the exit status and the compiler's messages."""
    command = [compiler, "-std=c++20", "-fsyntax-only", "-Iinclude", *arguments]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", timeout=300,
                              env=os.environ | {"LC_ALL": "C"})
    except FileNotFoundError:
        return 1, f"{compiler} is not installed: ./dev setup --all"
    except subprocess.TimeoutExpired:
        return 1, f"{compiler} ran for more than 300 s on {arguments[-1]}"
    return done.returncode, done.stdout + done.stderr


def count(cases, judge, skipped=0):
    """Calls judge(case), which returns None or a complaint, for all cases in parallel. Prints the complaints and the
    line of `finish`; returns the exit status."""
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        complaints = list(pool.map(judge, cases))
    for complaint in filter(None, complaints):
        print(complaint)
    return finish(complaints.count(None), len(complaints) - complaints.count(None), skipped)


def finish(passed, failed, skipped=0):
    """Prints the counts as the check's last line and returns its exit status, which is 0 only if nothing failed and
    something passed or was skipped, that is, could not run on this machine."""
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed + skipped else 0
