"""Checks that no pixel depends on uninitialised memory: runs decode_all.cpp under valgrind on the fuzzers' pictures.

The last line is 'N passed, N failed', counted in pictures; '0 passed, 0 failed, 1 skipped' if valgrind is not
installed.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent / "checks"))
import compiler  # noqa: E402


def main():
    if shutil.which("valgrind") is None:
        print("valgrind is not installed\n0 passed, 0 failed, 1 skipped")
        return 0
    corpus = sorted((FOLDER.parent / "fuzz/corpus/picture").iterdir())
    with tempfile.TemporaryDirectory() as scratch:
        program = pathlib.Path(scratch) / "decode_all"
        build = ["g++", "-std=c++20", "-O1", "-g", "-Iinclude", FOLDER / "decode_all.cpp", "-o", program]
        valgrind = ["valgrind", "--quiet", "--track-origins=yes", "--error-exitcode=9", program, *corpus]
        for command in (build, valgrind):
            done = subprocess.run(command, cwd=compiler.ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  errors="replace")
            if done.returncode:
                print(done.stdout[:6000])
                return compiler.finish(0, 1)
    print(done.stdout.strip())
    return compiler.finish(int(re.search(r"(\d+) pictures", done.stdout)[1]), 0)


if __name__ == "__main__":
    sys.exit(main())
