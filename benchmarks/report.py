"""The result of a case: rows for --json, and the lines that are printed and entered in docs/benchmarks.md."""
import dataclasses
import datetime
import pathlib
import re
import statistics

PAGE = pathlib.Path(__file__).resolve().parents[1] / "docs/benchmarks.md"


@dataclasses.dataclass
class Report:
    rows: list[dict]
    lines: list[str]


def cpu_name():
    fields = [line.split(":", 1) for line in open("/proc/cpuinfo") if ":" in line]
    cpu = {key.strip(): value.strip() for key, value in fields}
    return f"{cpu.get('model name', 'unknown')} (family {cpu.get('cpu family', '?')}, model {cpu.get('model', '?')})"


def json_row(case, setting, seconds, batch, gflop, rss_mb, threads):
    """The row of a system for --json."""
    median = statistics.median(seconds)
    return {
        "case": case,
        "system": setting.system,
        "setting": setting.name,
        "median_s": median,
        "min_s": min(seconds),
        "max_s": max(seconds),
        "images_per_s": batch / median,
        "gflops": gflop / median,
        "peak_rss_mb": rss_mb,
        "threads": threads,
        "cpu": cpu_name(),
    }


def table(columns, rows):
    """Formats rows as lines of fixed width. A column is a heading and a function from a row to text. The leading columns
    of text are left-aligned."""
    cells = [[heading for heading, _ in columns]] + [[str(text(row)) for _, text in columns] for row in rows]
    widths = [max(len(line[k]) for line in cells) for k in range(len(columns))]
    words = [all(not re.fullmatch(r"[-\d.]*x?", line[k]) for line in cells[1:]) for k in range(len(columns))]
    return [
        "  ".join(text.ljust(width) if word else text.rjust(width)
                  for text, width, word in zip(line, widths, words)).rstrip() for line in cells
    ]


def update_page(case, command, lines):
    """Replaces the block of the case in docs/benchmarks.md, which must exist."""
    block = re.compile(rf"(?s)(<!-- bench {re.escape(case)} -->\n).*?(<!-- end -->\n)")
    text = PAGE.read_text()
    if not block.search(text):
        raise SystemExit(f"{PAGE} has no block '<!-- bench {case} -->'.")
    today = datetime.date.today().isoformat()
    body = f"{cpu_name()}, {today}: `{command}`\n\n```text\n" + "\n".join(lines) + "\n```\n"
    PAGE.write_text(block.sub(lambda found: found[1] + body + found[2], text))
