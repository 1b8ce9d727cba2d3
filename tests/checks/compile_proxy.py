"""Checks the cost of compiling by counts that are the same on every machine.

Seconds vary, so this counts their causes: the memory that g++ 12 reports to have allocated for its trees, and the
object's symbols, the bytes of their names and its machine code. --update writes the limits, 15 % above the counts, to
compile_proxy.json. Other compilers than g++ 12 give different counts, so with them the check is skipped.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import compiler

LIMITS = pathlib.Path(__file__).with_suffix(".json")
SOURCES = {"hw3": "benchmarks/compile/hw3.cpp", "hw3_program": "examples/hw3.cpp", "resnet18": "benchmarks/compile/resnet18.cpp",
           "resnet50": "benchmarks/compile/resnet50.cpp"}
ROOM = 1.15


def output_of(command):
    done = subprocess.run(command, cwd=compiler.ROOT, capture_output=True, text=True, env=os.environ | {"LC_ALL": "C"})
    if done.returncode:
        raise RuntimeError(f"'{' '.join(command)}' failed:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def measure(source):
    if not (compiler.ROOT / source).exists():
        raise RuntimeError(f"{source} does not exist, so the cost of its compilation cannot be counted.")
    with tempfile.NamedTemporaryFile(suffix=".o") as object_file:
        report = output_of(["g++", "-std=c++20", "-O1", "-march=x86-64-v3", "-Wno-psabi", "-Iinclude", "-ftime-report",
                            "-c", source, "-o", object_file.name])
        amount, unit = re.search(r"^ TOTAL .*?(\d+)([kMG]) *$", report, re.MULTILINE).groups()
        symbols = output_of(["nm", "--defined-only", "--format=posix", object_file.name]).splitlines()
        sizes = output_of(["size", object_file.name]).splitlines()[1].split()
    return {"compiler_kilobytes": int(amount) * {"k": 1, "M": 1024, "G": 1024 * 1024}[unit],
            "symbols": len(symbols),
            "symbol_name_bytes": sum(len(line.split(" ")[0]) for line in symbols),
            "text_bytes": int(sizes[0])}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--update", action="store_true", help="write the limits")
    options = parser.parse_args()
    version = output_of(["g++", "-dumpversion"]).strip()
    if version.split(".")[0] != "12":
        print(f"g++ is {version}, but the limits are for g++ 12: nothing was checked.")
        return compiler.finish(0, 0, skipped=len(SOURCES))

    def attempt(item):
        try:
            return measure(item[1])
        except RuntimeError as problem:
            return str(problem)

    with concurrent.futures.ThreadPoolExecutor(compiler.JOBS) as pool:
        counted = dict(zip(SOURCES, pool.map(attempt, SOURCES.items())))
    problems = [value for value in counted.values() if isinstance(value, str)]
    if options.update:
        if problems:
            sys.exit("\n".join(problems))
        limits = {name: {key: int(value * ROOM) for key, value in values.items()} for name, values in counted.items()}
        LIMITS.write_text(json.dumps(limits, indent=2) + "\n")
        print(f"wrote {LIMITS.relative_to(compiler.ROOT)}")
        return 0
    limits = json.loads(LIMITS.read_text()) if LIMITS.exists() else {}
    passed = 0
    for name, values in counted.items():
        if isinstance(values, str):
            continue
        if name not in limits:
            problems.append(f"compile_proxy.json has no limits for {name}; tests/checks/compile_proxy.py --update writes them")
            continue
        for key, most in limits[name].items():
            print(f"{name:10}{key:20}{values[key]:>10} of at most {most}")
            if values[key] > most:
                problems.append(f"{name}: {key} is {values[key]}, more than {most}; make it cheaper, or say why it must "
                                "cost that and run tests/checks/compile_proxy.py --update")
            else:
                passed += 1
    print(*problems, sep="\n", end="\n" if problems else "")
    return compiler.finish(passed, len(problems))


if __name__ == "__main__":
    sys.exit(main())
