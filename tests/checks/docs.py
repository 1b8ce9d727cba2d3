"""Checks the documentation: its code comes from compiled files, and its compiler errors, links and file names exist.

The line above a code block states its origin:
  <!-- from PATH -->                  the block is part of that file, line by line
  <!-- COMPILER says of PATH -->      the block is what that compiler prints for that file, except for line numbers
Every block of C++ or CMake needs an origin. Every ./dev command named must exist, and reading_an_error.md must explain
every Mistake. Every file named in a page, a comment or a script must exist; in a page and in a C++ comment by its name
or the end of its path, in a script by its path from the root.
A block of a compiler that is not installed counts as skipped. --update only rewrites the compiler messages and the
blocks of plain text from a file.
"""

import argparse
import re
import shutil
import subprocess
import sys
import textwrap

import compiler

ROOT = compiler.ROOT
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(?:<!-- (.*?) -->\n)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
QUOTED_GXX = "12"  # the errors of g++ are quoted from this version
FOLDERS = ("benchmarks", "cmake", "docs", "examples", "include", "tests")
FILES = ["dev", ".ci/run", *(str(path.relative_to(ROOT)) for path in [*ROOT.glob("*.*"), *(
    path for folder in FOLDERS for path in (ROOT / folder).rglob("*.*"))] if path.is_file())]
ENDS_OF_PATHS = {"/".join(parts[i:]) for parts in (file.split("/") for file in FILES) for i in range(len(parts))}
FILE_NAME = re.compile(r"(?<![\w/.<*$}-])(?:\.\./)*((?:[\w-]+/)*[\w-]+\.(?:hpp|cpp|py|md|cmake))\b")
PATH_FROM_ROOT = re.compile(rf"(?<!/usr/)\b((?:{'|'.join(FOLDERS)})/[\w/-]+\.(?:hpp|cpp|py|sh|json|cmake))\b")
MADE_UP = {"program.cpp"}  # a user's own file


def lines(text):
    return [line.rstrip() for line in textwrap.dedent(text).strip("\n").splitlines()]


def stands_in(block, path):
    """Whether the file contains the block's lines in sequence, with any indentation."""
    wanted, there = lines(block), path.read_text().splitlines()
    return any(lines("\n".join(there[i:i + len(wanted)])) == wanted for i in range(len(there) - len(wanted) + 1))


def without_numbers(text):
    """A compiler's message without line numbers, which any edit of a header changes."""
    text = re.sub(r":\d+:\d+:", ":L:C:", text)
    return re.sub(r"(?m)^ +\d+ \|", "    L |", re.sub(r"(\.[ch]pp):\d+[,:]", r"\1:L,", text)).split()


def says(name, path):
    """What a compiler prints for a file; None if it is not installed in the quoted version."""
    if not shutil.which(name):
        return None
    version = subprocess.run([name, "-dumpversion"], capture_output=True, text=True).stdout.strip()
    if name == "g++" and version != QUOTED_GXX:
        return None
    return compiler.syntax_only(name, [path])[1]


class Skipped(str):
    """The reason why something could not be checked on this machine."""


def judge_block(source, language, block):
    """None, or a complaint about the block, or Skipped."""
    if source is None:
        return "has no origin" if language in ("cpp", "cmake") else None
    if origin := re.fullmatch(r"from (\S+)", source):
        path = ROOT / origin[1]
        if not path.exists():
            return f"is from {origin[1]}, which does not exist"
        return None if stands_in(block, path) else f"is not part of {origin[1]}"
    if quoted := re.fullmatch(r"(\S+) says of (\S+)", source):
        said = says(*quoted.groups())
        if said is None:
            return Skipped(f"was not compared: {quoted[1]} is not installed in the quoted version")
        if without_numbers(said) == without_numbers(block):
            return None
        return f"is not what {quoted[1]} says of {quoted[2]}:\n{said}"
    return f"has an unknown kind of origin: {source}"


def complaints(page):
    """Yields None or a complaint for each thing checked in a page."""
    text = page.read_text()
    for block in BLOCK.finditer(text):
        why = judge_block(*block.groups())
        yield why and type(why)(f"the block in line {text.count(chr(10), 0, block.start()) + 1} {why}")
    prose = BLOCK.sub("", text)
    for field in re.findall(r"@@\w+@@", text):
        yield f"still contains {field}"
    yield from missing_files(prose, FILE_NAME)
    for link in re.findall(r"\]\(([^)#\s]+)", prose):
        missing = "://" not in link and not (page.parent / link).exists()
        yield f"links to {link}, which does not exist" if missing else None
    cases = (ROOT / "dev").read_text().split("case $command in")[1]
    for command in re.findall(r"\./dev ([a-z0-9-]+)", text):
        yield None if re.search(rf"^  {command}[ )]", cases, re.MULTILINE) else f"there is no ./dev {command}"
    if page.name == "reading_an_error.md":
        for header in sorted((ROOT / "include").rglob("*.hpp")):
            for mistake in re.findall(r"inline constexpr Mistake (\w+)", header.read_text()):
                yield None if f"`{mistake}`" in text else f"does not explain mistakes::{mistake}"


def missing_files(text, pattern):
    """Yields None or a complaint for each file that the text names. NAME stands for any name."""
    for name in pattern.findall(text):
        known = name in ENDS_OF_PATHS or name in MADE_UP or "NAME" in name
        yield None if known else f"names {name}, which does not exist"


def complaints_of_source(path):
    """The same for the comments of a C++ file, or the whole text of a script."""
    text = path.read_text()
    if path.suffix in (".hpp", ".cpp"):
        return missing_files("\n".join(re.findall(r"//.*", text)), FILE_NAME)
    return missing_files(text, PATH_FROM_ROOT)


def renewed(block):
    """The block, with its text taken anew from its origin."""
    source, language, _ = block.groups()
    now = None
    if source and language == "text":
        quoted = re.fullmatch(r"(\S+) says of (\S+)", source)
        now = says(*quoted.groups()) if quoted else (ROOT / source.removeprefix("from ")).read_text()
    return block[0] if now is None else f"<!-- {source} -->\n```text\n{now.rstrip()}\n```"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--update", action="store_true")
    options = parser.parse_args()
    if options.update:
        for page in PAGES:
            page.write_text(BLOCK.sub(renewed, page.read_text()))
        return 0
    scripts = (".hpp", ".cpp", ".py", ".sh", ".cmake", "CMakeLists.txt", "CMakePresets.json", "dev", "run")
    sources = [ROOT / file for file in FILES if file.endswith(scripts)]
    passed, failed, skipped = 0, 0, 0
    for path, found in [*((page, complaints(page)) for page in PAGES),
                        *((source, complaints_of_source(source)) for source in sources)]:
        for why in found:
            passed += why is None
            skipped += isinstance(why, Skipped)
            failed += why is not None and not isinstance(why, Skipped)
            if why:
                print(f"{path.relative_to(ROOT)}: {why}")
    return compiler.finish(passed, failed, skipped)


if __name__ == "__main__":
    sys.exit(main())
