"""Tests that another project can use tinycnn through CMake (a subdirectory, FetchContent, an installed package) and with
its include path alone, with and without precompiled kernels, and that an incompatible version is rejected.

The consumer prints the version that it was compiled with and a sum over its trained weights. For the same flags the sum
is the same with and without precompiled kernels.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tarfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "checks"))
import compiler  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
BUILD = compiler.ROOT / "build" / "consumer"
PREFIX = BUILD / "prefix"
ARCHIVE = BUILD / "tinycnn.tar.gz"
SOURCES = ["main.cpp", "network.cpp"]
KERNELS = BUILD / "kernels.cpp"
PRECOMPILED = "TINYCNN_PRECOMPILED"


class Failure(Exception):
    pass


def version():
    text = (compiler.ROOT / "include/tinycnn/core/version.hpp").read_text()
    number = int(re.search(r"^#define TINYCNN_VERSION (\d+)$", text, re.MULTILINE)[1])
    return number // 10000, number // 100 % 100, number % 100


def run(*command, succeeds=True):
    """The output of a command, which must succeed or, if so requested, fail."""
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if (done.returncode == 0) != succeeds:
        raise Failure(f"'{' '.join(map(str, command))}' {'fails' if succeeds else 'succeeds'}:\n{done.stdout}")
    return done.stdout


def configure(source, build, *variables, succeeds=True):
    return run("cmake", "-S", source, "-B", build, "-G", "Ninja", "--log-level=WARNING", "-DCMAKE_BUILD_TYPE=Debug",
               *(f"-D{variable}" for variable in variables), succeeds=succeeds)


def install():
    build = BUILD / "library"
    configure(compiler.ROOT, build, f"CMAKE_INSTALL_PREFIX={PREFIX}", "TINYCNN_BUILD_EXAMPLES=OFF",
              "TINYCNN_BUILD_TESTS=OFF")
    run("cmake", "--install", build)


def pack():
    """Packs the part of a release's archive that contains the library."""
    with tarfile.open(ARCHIVE, "w:gz") as archive:
        for part in ("CMakeLists.txt", "cmake", "include"):
            archive.add(compiler.ROOT / part, f"tinycnn/{part}")


def by_cmake(name, *variables):
    """The output of the consumer, built by CMake."""
    build = BUILD / name
    configure(HERE, build, *variables)
    run("cmake", "--build", build)
    return run(build / "consumer")


def compiled(cxx, source, object_file, *flags):
    run(cxx, "-std=c++20", "-Wall", "-Wextra", "-Werror", "-Wno-psabi", "-I", compiler.ROOT / "include", *flags, "-c",
        source, "-o", object_file)
    return object_file


def defines_kernels(object_file):
    return "winograd" in run("nm", "-C", "--defined-only", object_file)


def by_hand(cxx):
    """The output of the consumer's two files linked into one program, with and without precompiled kernels. Checks that a
    file compiled for another instruction set does not link with the kernels."""
    flags = ["-O2", "-march=native", "-Wno-invalid-feature-combination"]  # clang 19 warns about the features that it assumes for some CPUs
    everywhere = [compiled(cxx, HERE / name, BUILD / f"{cxx}_{name}.o", *flags) for name in SOURCES]
    once = [compiled(cxx, HERE / name, BUILD / f"{cxx}_{name}_once.o", *flags, f"-D{PRECOMPILED}") for name in SOURCES]
    kernels = compiled(cxx, KERNELS, BUILD / f"{cxx}_kernels.o", *flags)
    if not all(map(defines_kernels, [*everywhere, kernels])) or any(map(defines_kernels, once)):
        raise Failure(f"-D{PRECOMPILED} does not decide with {cxx} whether a file has kernels of its own")
    printed = []
    for objects in (everywhere, [*once, kernels]):
        run(cxx, *objects, "-pthread", "-o", BUILD / cxx)
        printed.append(run(BUILD / cxx))
    other = compiled(cxx, HERE / "main.cpp", BUILD / f"{cxx}_other.o", f"-D{PRECOMPILED}", "-march=x86-64")
    said = run(cxx, other, once[1], kernels, "-pthread", "-o", BUILD / cxx, succeeds=False)
    if "PrecompiledKernels<tinycnn::Cpu<>, tinycnn::cpu::Baseline" not in said:
        raise Failure(f"{cxx} does not name the missing kernels of another instruction set:\n{said}")
    return printed


def refused_version():
    major, minor, _ = version()
    for wanted in (f"{major}.{minor + 1}.0", f"{major + 1}.0.0"):
        said = configure(HERE, BUILD / "refused", f"CMAKE_PREFIX_PATH={PREFIX}", f"TINYCNN_WANTED_VERSION={wanted}",
                         succeeds=False)
        if f'requested version "{wanted}"' not in " ".join(said.split()):
            raise Failure(f"a wanted version {wanted} is refused for another reason:\n{said}")


def main():
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    KERNELS.write_text("#include <tinycnn/backends/cpu/precompiled.hpp>\n")
    install()
    pack()
    number = ".".join(map(str, version()))
    installed = f"CMAKE_PREFIX_PATH={PREFIX}", f"TINYCNN_WANTED_VERSION={number}"
    source = f"TINYCNN_SOURCE_DIR={compiler.ROOT}"
    sums = []  # of the consumers built by CMake, all with the same flags

    def cmake_way(*arguments):
        printed = by_cmake(*arguments)
        sums.append(printed)
        return [printed, sums[0]]

    ways = {"g++ -I include": lambda: by_hand("g++"), "clang++-19 -I include": lambda: by_hand("clang++-19"),
            "add_subdirectory": lambda: cmake_way("subdirectory", source),
            "add_subdirectory, precompiled": lambda: cmake_way("subdirectory_once", source, f"{PRECOMPILED}=ON"),
            "FetchContent": lambda: cmake_way("fetched", f"TINYCNN_URL={ARCHIVE}"),
            "find_package": lambda: cmake_way("installed", *installed),
            "find_package, precompiled": lambda: cmake_way("installed_once", *installed, f"{PRECOMPILED}=ON"),
            "a version that does not fit": refused_version}

    def judge(way):
        try:
            printed = ways[way]() or []
        except Failure as failure:
            return f"using tinycnn, {way}: {failure}"
        if len(set(printed)) > 1:
            return f"{way}: the kernels compute something else than where they are compiled otherwise: {printed}"
        if any(not text.startswith(f"tinycnn {number}\nparameters ") for text in printed):
            return f"{way}: it prints {printed}, not version {number} and a sum over the parameters"
        return None

    return compiler.count(ways, judge)


if __name__ == "__main__":
    sys.exit(main())
