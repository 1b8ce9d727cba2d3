"""Checks that the umbrella header and a network on Reference compile with nvcc, the CUDA compiler, without a warning.

If nvcc is not installed, the check is skipped.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

import compiler

PROGRAM = """
#include <cstdio>
#include <tinycnn/tinycnn.hpp>
#include "examples/networks/hw3_classifier.hpp"
using namespace tinycnn;
using Model = Trainer<networks::Classifier, Image<3, 128, 128>, Batch<2>, CrossEntropy, Adam, Constant, Reference<>>;
constexpr Plan plan = Model::plan;
int main() {
  Model model({.threads = 1});
  std::puts(describe(plan).c_str());
}
"""
# 1675: a warning about g++'s unroll pragmas, in the kernels of Cpu, which this program does not instantiate.
OPTIONS = ["-std=c++20", "-Werror", "all-warnings", "-diag-suppress", "1675", "-I.", "-Iinclude"]


def main():
    if shutil.which("nvcc") is None:
        print("nvcc is not installed")
        return compiler.finish(0, 0, skipped=1)
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "program.cu"
        source.write_text(PROGRAM)
        program = pathlib.Path(folder) / "program"
        done = subprocess.run(["nvcc", *OPTIONS, str(source), "-o", str(program), "-lpthread"], cwd=compiler.ROOT,
                              capture_output=True, text=True, errors="replace", timeout=600)
        output = done.stdout + done.stderr
        if done.returncode == 0:
            done = subprocess.run([program], capture_output=True, text=True, timeout=60)
            output = done.stdout + done.stderr
    passed = done.returncode == 0 and "backward CrossEntropy" in output
    if not passed:
        print(output)
    return compiler.finish(int(passed), int(not passed))


if __name__ == "__main__":
    sys.exit(main())
