"""Checks that every header, and every file of static tests (tests/static/*.cpp), compiles alone without a warning."""

import argparse
import sys

import compiler


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compiler", default="g++")
    options = parser.parse_args()
    headers = sorted(compiler.ROOT.glob("include/**/*.hpp"))
    static_tests = sorted(compiler.ROOT.glob("tests/static/*.cpp"))

    def judge(path):
        relative = str(path.relative_to(compiler.ROOT))
        if path.suffix == ".hpp":
            source = [*compiler.EIGEN, "-include", relative.removeprefix("include/"), "-x", "c++", "/dev/null"]
        else:
            source = [relative]
        status, output = compiler.syntax_only(options.compiler, [*compiler.WARNINGS, "-Werror", *source])
        return None if status == 0 else f"{relative} does not compile alone with {options.compiler}:\n{output}"

    return compiler.count(headers + static_tests, judge)


if __name__ == "__main__":
    sys.exit(main())
