"""Compiles every tests/fail/*.cpp, which must give exactly one error, of a few lines, with the texts that the file states.

A file states its texts in comments, `// expect: TEXT`, one per line; white space is compared as one blank, and `> >` as
`>>`. For each line `// flags: FLAGS` the file is compiled once more with those flags. The files ok*.cpp must compile.
"""

import argparse
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "checks"))
import compiler  # noqa: E402


def plain(text):
    return " ".join(text.split()).replace("> >", ">>")


def flags_of(source):
    """A list of flags for each compilation."""
    return [line.split() for line in re.findall(r"//\s*flags:(.*)", source)] or [[]]


def complaint(source, status, output, most_lines):
    lines = output.splitlines()
    errors = [line for line in lines if re.search(r"\berror:", line)]
    expected = [text.strip() for text in re.findall(r"//\s*expect:(.*)", source)]
    if not expected:
        return "states no '// expect: TEXT'"
    if status == 0:
        return "compiles, but must not"
    if len(errors) != 1:
        return f"gives {len(errors)} errors, not one"
    if len(lines) > most_lines:
        return f"gives {len(lines)} lines, more than {most_lines}"
    missing = [text for text in expected if plain(text) not in plain(output)]
    return f"does not say '{missing[0]}'" if missing else None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compiler", default="g++")
    options = parser.parse_args()
    most_lines = 20 if "clang" in options.compiler else 10

    def judge(case):
        path, flags = case
        relative = str(path.relative_to(compiler.ROOT))
        status, output = compiler.syntax_only(options.compiler, [*flags, relative])
        if path.name.startswith("ok"):
            why = None if status == 0 else "does not compile, but must"
        else:
            why = complaint(path.read_text(), status, output, most_lines)
        return why and f"{relative} {why} ({' '.join([options.compiler, *flags])}):\n{output}"

    files = sorted((compiler.ROOT / "tests" / "fail").glob("*.cpp"))
    return compiler.count([(path, flags) for path in files for flags in flags_of(path.read_text())], judge)


if __name__ == "__main__":
    sys.exit(main())
