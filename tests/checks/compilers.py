"""Checks that the oldest compilers named in core/compiler.hpp compile the static tests and an example without a
warning, that the only error of older ones says which compiler is needed, and that the static tests compile where long
has 32 bits. A compiler that is not installed counts as skipped.
"""

import re
import shutil
import sys

import compiler

HEADER = compiler.ROOT / "include/tinycnn/core/compiler.hpp"
SOURCES = [*sorted(f"tests/static/{path.name}" for path in (compiler.ROOT / "tests/static").glob("*.cpp")),
           "examples/thirty_lines.cpp"]
TOO_OLD = ["g++-10", "clang++-13"]
FOR_32_BITS = ["-m32", "-msse2"]


def warning_of(name, source, *flags):
    status, output = compiler.syntax_only(name, [*compiler.WARNINGS, "-Werror", "-Wno-psabi", *flags, source])
    return None if status == 0 else f"{source} does not compile with {' '.join([name, *flags])}:\n{output}"


def not_refused(name, sentence):
    """None if the sentence is the only error that the compiler reports, else a complaint."""
    status, output = compiler.syntax_only(name, ["examples/thirty_lines.cpp"])
    errors = re.findall(r"\berror: (.*)", output)
    right = status != 0 and len(errors) == 1 and sentence in errors[0]
    return None if right else f"{name} does not report '{sentence}' alone:\n{output}"


def main():
    sentence = re.search(r'"(tinycnn needs .*)"', HEADER.read_text())[1]
    oldest = [f"{kind}-{version}" for kind, version in re.findall(r"(g\+\+|clang) (\d+)", sentence)]
    cases = [(name.replace("clang", "clang++"), warning_of, source) for name in oldest for source in SOURCES]
    cases += [(name, not_refused, sentence) for name in TOO_OLD]
    cases += [(name, warning_of, source, *FOR_32_BITS) for name in ("g++", "clang++-19") for source in SOURCES
              if "static" in source]

    def missing(case):
        """What a case needs that is not installed, or None."""
        if not shutil.which(case[0]):
            return case[0]
        headers = ["-include", "vector", "-x", "c++", "/dev/null"]
        if "-m32" in case and compiler.syntax_only(case[0], [*FOR_32_BITS, *headers])[0] != 0:
            return f"g++-12-multilib (for {case[0]} -m32)"
        return None

    absent = [missing(case) for case in cases]
    here = [case for case, what in zip(cases, absent) if what is None]
    for what in sorted(set(filter(None, absent))):
        print(f"{what} is not installed")
    return compiler.count(here, lambda case: case[1](case[0], *case[2:]), len(cases) - len(here))


if __name__ == "__main__":
    sys.exit(main())
