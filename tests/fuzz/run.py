"""Fuzzes the parsers of untrusted bytes: each NAME_fuzz.cpp with corpus/NAME, under libFuzzer and the sanitizers.

First every input of the corpus is replayed, then new ones are made from them for as long as was asked. What widens the
coverage is kept in build/fuzz/found/NAME, what ends a fuzzer in build/fuzz/crashes. A line '// libFuzzer: OPTIONS' of
the source is handed on. The last line is 'N passed, N failed', two a fuzzer.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent / "checks"))
import compiler  # noqa: E402

BUILD = compiler.ROOT / "build" / "fuzz"
STARTING = 120  # seconds that a fuzzer may take in addition to its time limit
COMMON = ["-rss_limit_mb=2048", "-timeout=10", "-max_len=1024", "-print_final_stats=1", "-verbosity=1"]


def shortened(path):
    return os.path.relpath(path, compiler.ROOT)


def said_by(command, seconds, scratch):
    """The exit status and the output of a fuzzer."""
    try:
        done = subprocess.run(command, cwd=compiler.ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", timeout=seconds + STARTING, env=os.environ | {"TMPDIR": scratch})
    except subprocess.TimeoutExpired as hung:
        said = (hung.stdout or b"").decode(errors="replace")
        return 124, f"{said}\nstopped after {seconds + STARTING:.0f} s"
    except OSError as missing:
        return 127, f"{missing}: ./dev fuzz builds the fuzzers"
    return done.returncode, done.stdout


def complaint(name, doing, command, said):
    """Names the input that crashed a fuzzer, and the command that reproduces the crash."""
    kept = re.findall(r"Test unit written to (\S+)", said)
    lines = said.splitlines()
    reason = next((i for i, line in enumerate(lines) if "ERROR" in line or "runtime error" in line
                   or "does not hold" in line), max(0, len(lines) - 20))
    report = "\n".join(lines[reason:reason + 25])
    again = f"\nThe input: {kept[-1]}\nAgain: {command[0]} {kept[-1]}" if kept else ""
    return f"---- {name}: {doing} failed\n{report}{again}\n----"


def judge(case):
    """Replays the corpus of a fuzzer or runs it for some seconds; returns None or an error message."""
    source, seconds, scratch = case
    name = source.name.removesuffix("_fuzz.cpp")
    options = re.findall(r"^// libFuzzer: (.*)$", source.read_text(), re.MULTILINE)
    corpus, found, crashes = FOLDER / "corpus" / name, BUILD / "found" / name, BUILD / "crashes"
    for folder in (found, crashes):
        folder.mkdir(parents=True, exist_ok=True)
    inputs = sorted(corpus.iterdir()) if corpus.exists() else []
    if not inputs:
        return f"{name}: {shortened(corpus)} holds no input"
    command = [shortened(BUILD / f"{name}_fuzz"), *COMMON, *" ".join(options).split(),
               f"-artifact_prefix={shortened(crashes)}/{name}-"]
    if seconds == 0:
        status, said = said_by([*command, "-runs=0", shortened(corpus)], 0, scratch)
        done = f"{len(inputs)} inputs replayed"
    else:
        status, said = said_by([*command, f"-max_total_time={seconds:.0f}", shortened(found), shortened(corpus)],
                               seconds, scratch)
        facts = dict(re.findall(r"^stat::(\w+): +(\d+)$", said, re.MULTILINE))
        coverage = re.findall(r"cov: (\d+)", said)
        done = (f"{facts.get('number_of_executed_units', '?')} inputs in {seconds:.0f} s, "
                f"{coverage[-1] if coverage else '?'} places reached, {facts.get('peak_rss_mb', '?')} MB, "
                f"slowest input {facts.get('slowest_unit_time_sec', '?')} s")
    if status:
        return complaint(name, "replay" if seconds == 0 else "fuzzing", command, said)
    print(f"{name}: {done}", flush=True)
    return None


def main():
    parser = argparse.ArgumentParser(prog="./dev fuzz", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("minutes", nargs="?", type=float, default=10, help="for all fuzzers together (default 10)")
    parser.add_argument("--only", default="", metavar="NAME", help="one fuzzer")
    options = parser.parse_args()
    sources = [path for path in sorted(FOLDER.glob("*_fuzz.cpp")) if options.only in ("", path.name[:-len("_fuzz.cpp")])]
    if not sources:
        parser.error(f"there is no fuzzer '{options.only}'")
    seconds = max(1, options.minutes * 60 * min(compiler.JOBS, len(sources)) / len(sources))
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # inputs are written to files, millions of them
    with tempfile.TemporaryDirectory(prefix="tinycnn-fuzz-", dir=memory) as scratch:
        return compiler.count([(source, time, scratch) for time in (0, seconds) for source in sources], judge)


if __name__ == "__main__":
    sys.exit(main())
