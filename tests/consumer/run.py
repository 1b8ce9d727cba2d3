"""Another project can use tinycnn in three ways: as a subdirectory, installed, and by its include path alone."""

import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import compiler  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
BUILD = compiler.ROOT / "build" / "consumer"
PREFIX = BUILD / "prefix"


def version():
    text = (compiler.ROOT / "include/tinycnn/core/version.hpp").read_text()
    number = int(re.search(r"^#define TINYCNN_VERSION (\d+)$", text, re.MULTILINE)[1])
    return f"{number // 10000}.{number // 100 % 100}.{number % 100}"


def configure(source, build, *variables):
    return ["cmake", "-S", source, "-B", build, "-G", "Ninja", "--log-level=WARNING", "-DCMAKE_BUILD_TYPE=Debug",
            *(f"-D{variable}" for variable in variables)]


def main():
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    ways = {
        "add_subdirectory": [configure(HERE, BUILD / "subdirectory", f"TINYCNN_SOURCE_DIR={compiler.ROOT}"),
                             ["cmake", "--build", BUILD / "subdirectory"],
                             [BUILD / "subdirectory" / "consumer"]],
        "find_package": [configure(compiler.ROOT, BUILD / "library", f"CMAKE_INSTALL_PREFIX={PREFIX}",
                                   "TINYCNN_BUILD_EXAMPLES=OFF", "TINYCNN_BUILD_TESTS=OFF"),
                         ["cmake", "--install", BUILD / "library"],
                         configure(HERE, BUILD / "installed", f"CMAKE_PREFIX_PATH={PREFIX}",
                                   f"TINYCNN_WANTED_VERSION={version()}"),
                         ["cmake", "--build", BUILD / "installed"],
                         [BUILD / "installed" / "consumer"]],
        "-I include": [["g++", "-std=c++20", "-I", compiler.ROOT / "include", HERE / "main.cpp", "-pthread", "-o",
                        BUILD / "plain"],
                       [BUILD / "plain"]],
    }

    def judge(way):
        for step in ways[way]:
            done = subprocess.run(list(map(str, step)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if done.returncode:
                return f"using tinycnn by {way} fails at '{' '.join(map(str, step))}':\n{done.stdout}"
        expected = f"tinycnn {version()}"
        return None if done.stdout.strip() == expected else f"by {way} it prints {done.stdout!r}, not {expected!r}"

    return compiler.count(ways, judge)


if __name__ == "__main__":
    sys.exit(main())
