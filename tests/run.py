"""Runs the unit tests and checks of ./dev test, each as a command, and adds up their counts.

The last line is 'N passed, N failed', followed by ', N skipped' if something could not run on this machine. The exit
status is 0 only if something passed and nothing failed. A check is a script that prints such a line itself; the unit
tests' counts come from doctest's summary.
"""

import argparse
import pathlib
import platform
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
MINUTE = 60


class Tally:
    """Adds up counts, and prints the output of what failed."""

    def __init__(self, name_filter):
        self.filter = name_filter
        self.passed = 0
        self.failed = 0
        self.skipped = 0

    def wants(self, name):
        return self.filter.lower() in name.lower()

    def add(self, name, passed, failed, seconds, output=""):
        self.passed += passed
        self.failed += failed
        if failed:
            print(f"---- {name} failed ----\n{output.rstrip()}\n----", flush=True)
        print(f"{name}: {passed} passed, {failed} failed ({seconds:.0f} s)", flush=True)

    def skip(self, name, why, count=1):
        """Counts what cannot run on this machine as skipped, not as passed."""
        self.skipped += count
        print(f"{name}: {count} not run, {why}", flush=True)

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed" + (f", {self.skipped} skipped" if self.skipped else ""))
        return 1 if self.failed or not self.passed else 0


def run(command, timeout):
    """Exit status, output and seconds of a command; the status is 124 if it ran too long."""
    start = time.monotonic()
    try:
        done = subprocess.run([str(part) for part in command], cwd=ROOT, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", timeout=timeout)
        status, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired as hung:
        printed = hung.stdout or b""
        output = printed if isinstance(printed, str) else printed.decode(errors="replace")
        output += f"\nstopped after {timeout} s"
        status = 124
    except OSError as missing:
        status, output = 127, str(missing)
    if status < 0:
        output += f"\nended by signal {-status}"
    return status, output, time.monotonic() - start


def counts(status, output, pattern):
    """The counts in the last match of pattern. A nonzero status without a counted failure is one failure."""
    found = re.findall(pattern, output, re.MULTILINE)
    if not found:
        return 0, 1
    passed, failed = map(int, found[-1][:2])
    return passed, failed or int(status != 0)


def check(tally, name, *command):
    """Runs a check, a script that prints its own counts."""
    if not tally.wants(name):
        return
    status, output, seconds = run([sys.executable, *command], 15 * MINUTE)
    passed, failed = counts(status, output, r"^(\d+) passed, (\d+) failed(?:, \d+ skipped)?$")
    skipped = re.findall(r"^\d+ passed, \d+ failed, (\d+) skipped$", output, re.MULTILINE)
    if skipped:
        tally.skip(name, output.strip(), int(skipped[-1]))
    if passed or failed or not skipped:
        tally.add(name, passed, failed, seconds, output)


def build(tally, name, preset, target):
    """Configures and builds a target; only a failure is counted."""
    print(f"building {target} in build/{preset} ...", flush=True)
    # Configured each time, to find what was installed since the last time.
    steps = [["cmake", "--preset", preset, "--log-level=WARNING"], ["cmake", "--build", f"build/{preset}", "--target", target]]
    total = 0
    for step in steps:
        status, output, seconds = run(step, 30 * MINUTE)
        total += seconds
        if status:
            tally.add(f"{name}: build", 0, 1, total, output)
            return False
    print(f"built in {total:.0f} s", flush=True)
    return True


def unit_tests(tally, name, preset, cases="", runs_here=True):
    """Builds and runs the unit tests of a preset; if cases is not empty, only those whose name contains it."""
    sources = [path.read_text() for path in ROOT.glob("tests/*/*_test.cpp")]
    if tally.filter and not any(tally.filter.lower() in text.lower() for text in sources):
        return
    if not build(tally, name, preset, "unit_tests"):
        return
    if not runs_here:
        tally.skip(name, "built, but this CPU lacks the instructions")
        return
    selected = [part for part in (cases, tally.filter) if part]
    command = [ROOT / "build" / preset / "unit_tests", "--no-colors=true"]
    if selected:
        command.append(f"--test-case=*{'*'.join(selected)}*")
    status, output, seconds = run(command, 15 * MINUTE)
    passed, failed = counts(status, output, r"test cases:\s*\d+\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed")
    skipped = re.findall(r"\|\s*(\d+) skipped", output)
    if not selected and skipped and int(skipped[-1]):
        failed += 1
        output += f"\n{skipped[-1]} cases were skipped in a run of all cases"
    if not passed and not failed and not tally.filter:
        failed = 1
        output += "\nno test case ran"
    tally.add(name, passed, failed, seconds, output)


def examples(tally):
    """Builds the examples as users build them and runs them (hw3 only with --help); each checks its own results."""
    name = "examples"
    if not tally.wants(name) or not build(tally, name, "release", "examples"):
        return
    for program, *arguments in (["hw3", "--help"], ["quickstart"], ["own_layer"], ["eigen_pca"],
                               ["xtensor_confusion"]):
        status, output, seconds = run([f"build/release/{program}", *arguments], MINUTE)
        tally.add(f"{name}: {program}", int(status == 0), int(status != 0), seconds, output)


def bench(tally):
    """Runs one step of the bench's cheapest case, without peers."""
    name = "bench"
    if not tally.wants(name) or not build(tally, name, "release", "bench_hw3_infer"):
        return
    status, output, seconds = run([sys.executable, "benchmarks/bench.py", "hw3-infer-b1", "--steps", "1"], MINUTE)
    passed = status == 0 and "GFLOP/s" in output
    tally.add(name, int(passed), int(not passed), seconds, output)


def fuzzers(tally):
    """Fuzzes every file parser, for 0.25 minutes in total."""
    name = "fuzzers"
    if tally.wants(name) and build(tally, name, "fuzz", "fuzzers"):
        check(tally, name, "tests/fuzz/run.py", "0.25")


def formatted(tally):
    """Checks that every source file is formatted by .clang-format."""
    name = "format"
    if not tally.wants(name):
        return
    files = [path for folder in ("include", "examples", "tests", "benchmarks")
             for path in (ROOT / folder).rglob("*.[ch]pp")]
    status, output, seconds = run(["clang-format-19", "--dry-run", "-Werror", *files], 5 * MINUTE)
    tally.add(name, int(status == 0), int(status != 0), seconds, output)


def quick(tally):
    check(tally, "rooms", "tests/checks/rooms.py")
    check(tally, "headers alone", "tests/checks/headers.py")
    check(tally, "mistakes are explained", "tests/fail/run.py")
    check(tally, "compile proxy", "tests/checks/compile_proxy.py")
    check(tally, "documents", "tests/checks/docs.py")
    check(tally, "counting", "tests/checks/counting.py")
    examples(tally)
    unit_tests(tally, "unit tests", "test")
    unit_tests(tally, "unit tests of files and pictures, address sanitizer", "quick_asan")


def cpu_runs(level):
    """Whether this CPU supports an x86-64 level, as the C library's loader reports it."""
    if level == "x86-64":
        return True
    _, output, _ = run(["/lib64/ld-linux-x86-64.so.2", "--help"], MINUTE)
    return re.search(rf"{level} \(supported", output) is not None


def thorough(tally):
    formatted(tally)
    check(tally, "headers alone, clang 19", "tests/checks/headers.py", "--compiler", "clang++-19")
    check(tally, "mistakes are explained, clang 19", "tests/fail/run.py", "--compiler", "clang++-19")
    check(tally, "editor (clangd)", "tests/checks/clangd.py")
    check(tally, "oldest compilers and 32 bits", "tests/checks/compilers.py")
    check(tally, "nvcc", "tests/checks/nvcc.py")
    check(tally, "package in other projects", "tests/consumer/run.py")
    check(tally, "hw3 is deterministic", "tests/hw3/determinism.py")
    check(tally, "hw3's options and files", "tests/hw3/contract.py")
    check(tally, "hw3 explains mistakes", "tests/hw3/mistakes.py")
    check(tally, "hw3 with another number of classes", "tests/hw3/classes.py")
    check(tally, "hw3 resumes after any interruption", "tests/hw3/resume.py")
    check(tally, "fashion_mnist resumes after any interruption", "tests/examples/resume.py")
    check(tally, "no pixel from uninitialised memory", "tests/vision/uninitialised.py")
    bench(tally)
    fuzzers(tally)
    unit_tests(tally, "unit tests, clang 19", "clang")
    unit_tests(tally, "unit tests, address and undefined behaviour", "asan")
    unit_tests(tally, "unit tests, thread races", "tsan", cases="threads")
    if platform.machine() == "x86_64":
        for preset, level in (("baseline", "x86-64"), ("avx2", "x86-64-v3"), ("avx512", "x86-64-v4")):
            unit_tests(tally, f"unit tests, {level}", preset, runs_here=cpu_runs(level))


def main():
    parser = argparse.ArgumentParser(prog="./dev test", description=__doc__)
    parser.add_argument("--all", action="store_true", help="every compiler, sanitizer and instruction set, too")
    parser.add_argument("--filter", default="", metavar="TEXT", help="only cases and checks whose name contains TEXT")
    options = parser.parse_args()
    tally = Tally(options.filter)
    quick(tally)
    if options.all:
        thorough(tally)
    return tally.finish()


if __name__ == "__main__":
    sys.exit(main())
