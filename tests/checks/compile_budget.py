"""Measures user seconds and peak megabytes of compilations, and compares those of g++ 12 with their limits."""

import argparse
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# name, source, limit in seconds, limit in MB (None: no limit), further arguments
CASES = [("include", "/dev/null", 0.9, None, "-include", "tinycnn/tinycnn.hpp"),
         ("HW3", "benchmarks/compile/hw3.cpp", 5.0, 400),           # train, evaluate, save, predict
         ("HW3, precompiled", "benchmarks/compile/hw3.cpp", None, None, "-DTINYCNN_PRECOMPILED"),
         ("all kernels", "/dev/null", None, None, "-include", "tinycnn/backends/cpu/precompiled.hpp"),
         ("hw3.cpp", "examples/hw3.cpp", 6.0, 400),                 # the whole program: pictures, files, log as well
         ("ResNet-18", "benchmarks/compile/resnet18.cpp", 5.0, None),
         ("ResNet-50", "benchmarks/compile/resnet50.cpp", 5.0, 600)]


def cost(compiler, source, arguments):
    """User seconds and peak MB of one compilation, including the compiler's child processes."""
    command = [compiler, "-std=c++20", "-O3", "-march=native", "-Iinclude", *arguments, "-x", "c++", "-c", source, "-o",
               "/dev/null"]
    if "clang" in compiler:  # on some CPUs, clang 19 warns about its own choice of features for native
        command += ["-Wno-unknown-warning-option", "-Wno-invalid-feature-combination"]
    process = subprocess.Popen(command, cwd=ROOT)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{source} does not compile with {compiler}.")
    return usage.ru_utime, usage.ru_maxrss / 1024


def median(values):
    return sorted(values)[len(values) // 2]


def main():
    parser = argparse.ArgumentParser(prog="./dev compile-budget", description=__doc__)
    parser.add_argument("--repeat", type=int, default=3, help="compilations per case, of which the median is taken")
    parser.add_argument("--compiler", action="append", help="instead of g++ and clang++-19; may be repeated")
    options = parser.parse_args()
    over = 0
    print(f"{'':18}{'compiler':14}{'seconds':>8}{'at most':>9}{'MB':>8}{'at most':>9}")
    for compiler in options.compiler or ["g++", "clang++-19"]:
        for name, source, most_seconds, most_megabytes, *arguments in CASES:
            if not (ROOT / source).exists():
                sys.exit(f"{source} does not exist, so its compile time cannot be measured.")
            runs = [cost(compiler, source, arguments) for _ in range(options.repeat)]
            seconds, megabytes = (median(column) for column in zip(*runs))
            contract = compiler.startswith("g++")
            exceeded = contract and (seconds > (most_seconds or seconds) or megabytes > (most_megabytes or megabytes))
            over += exceeded
            print(f"{name:18}{compiler:14}{seconds:8.2f}{most_seconds or '-' if contract else '-':>9}{megabytes:8.0f}"
                  f"{most_megabytes or '-' if contract else '-':>9}{'  over' if exceeded else ''}", flush=True)
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
