"""Checks the dependency rule: a room includes itself, core/ and the rooms above it in the table of
docs/ARCHITECTURE.md; only umbrella headers include a backend.

A backend is a folder of backends/. The headers beside the folders are the interface between a plan and any backend:
train/, which takes the backend as a template argument, may include them; data/, io/, vision/ and report/ may not. No
header uses `long`, which has 32 bits on some platforms.
"""

import pathlib
import re
import sys

import compiler

INCLUDE_DIR = compiler.ROOT / "include" / "tinycnn"
LEVEL = {"core": 0, "layers": 1, "losses": 1, "optim": 1, "schedules": 1, "plan": 2, "backends": 3,
         "train": 4, "data": 4, "io": 4, "vision": 4, "report": 4}
FALLBACK = ("cpu", "reference")  # the one backend that may include another, for what it has no kernel for
CUDA_FREE = {"train", "data", "io", "vision", "report"}
# Standard headers that take too much of the umbrella header's compile time.
COSTLY = {"algorithm", "chrono", "filesystem", "fstream", "functional", "iomanip", "iostream", "map", "random", "ranges",
          "regex", "sstream", "thread", "unordered_map"}


def target(including, quote, name):
    """The path (in parts, below include/tinycnn) of an included header, or None if it is not ours."""
    if name.startswith("tinycnn/"):
        return pathlib.PurePosixPath(name).parts[1:]
    beside = (including.parent / name).resolve()
    if quote == '"' and beside.is_relative_to(INCLUDE_DIR):
        return beside.relative_to(INCLUDE_DIR).parts
    return None


def complaint(own, other):
    """Why a header at own (path parts) must not include the one at other, or None."""
    if len(own) == 1:
        return None  # an umbrella header
    if len(other) == 1:
        return "a room includes an umbrella header; include only the headers that are used"
    room, other_room = own[0], other[0]
    if room not in LEVEL or other_room not in LEVEL:
        return f"{room if room not in LEVEL else other_room}/ is not a room of the table in tests/checks/rooms.py"
    if other_room == "backends" and room != "backends" and (len(other) > 2 or room != "train"):
        return f"{room}/ includes {'a backend' if len(other) > 2 else 'the interface of backends'}; it must not"
    if LEVEL[other_room] > LEVEL[room]:
        return f"{room}/ includes {other_room}/, a room below it"
    if room == other_room == "backends" and len(other) > 2 and other[1] != own[1] and (own[1], other[1]) != FALLBACK:
        own_name = own[1] if len(own) > 2 else "the interface of backends"
        return f"{own_name} includes the backend {other[1]}"
    return None


def violations(path):
    own = path.relative_to(INCLUDE_DIR).parts
    for number, line in enumerate(path.read_text().splitlines(), 1):
        where = f"{path.relative_to(compiler.ROOT)}:{number}"
        if own[0] in CUDA_FREE and "cuda" in line.lower():
            yield f"{where}: {own[0]}/ mentions CUDA"
        if re.search(r"(?<!long )\blong\b(?! long)", re.sub(r'"[^"]*"|//.*', "", line)):
            yield f"{where}: long has 32 bits on some platforms; use std::int64_t"
        include = re.match(r'\s*#\s*include\s*(["<])([^">]+)', line)
        if not include:
            continue
        if include[1] == "<" and include[2] in COSTLY and len(own) > 1:
            yield f"{where}: <{include[2]}> costs too much compile time for the library"
        other = target(path, include[1], include[2])
        why = other and complaint(own, other)
        if why:
            yield f"{where}: {why}"


def main():
    passed, failed = 0, 0
    for path in sorted(INCLUDE_DIR.rglob("*.hpp")):
        found = list(violations(path))
        print(*found, sep="\n", end="\n" if found else "")
        passed += not found
        failed += len(found)
    return compiler.finish(passed, failed)


if __name__ == "__main__":
    sys.exit(main())
