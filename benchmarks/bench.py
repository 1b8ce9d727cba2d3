"""Times tinycnn and its peers alternately on the same work, and prints medians, spread and ratios.

Run: ./dev bench CASE... [--peers torch,mnn,openvino,onnxruntime,ncnn|all] [--against COMMIT]
     [--threads 2] [--steps N] [--json FILE]

cases.py has the cases, settings.py the systems, race.py the alternation, worker.py the protocol. docs/benchmarks.md
explains the tables.
"""
import argparse
import json
import pathlib

from cases import CASES
from report import update_page
from settings import PEERS


def peer_names(text):
    names = PEERS if text == "all" else tuple(name for name in text.split(",") if name)
    if unknown := set(names) - set(PEERS):
        raise argparse.ArgumentTypeError(f"no such peer: {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}")
    return names


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="+", choices=CASES, metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--peers", type=peer_names, default=(), metavar="LIST",
                        help=f"separated by commas, of {', '.join(PEERS)}; or all")
    parser.add_argument("--against", type=pathlib.Path, metavar="COMMIT",
                        help="the same programs of this commit as one more system (./dev builds them)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=7, help="how many are counted, after some that are not")
    parser.add_argument("--data", type=pathlib.Path, help="pictures for epoch, in hw3's folders; default: generated ones")
    parser.add_argument("--json", type=pathlib.Path, help="write the rows of all cases to this file")
    parser.add_argument("--docs", action="store_true", help="put the tables into docs/benchmarks.md")
    args = parser.parse_args()
    rows = []
    for name in args.cases:
        report = CASES[name].run(name, args)
        print("\n".join(report.lines), flush=True)
        rows += report.rows
        if args.docs:
            peers = "" if not args.peers else f" --peers {'all' if args.peers == PEERS else ','.join(args.peers)}"
            data = " --data DIR" if name == "epoch" and args.data else ""
            command = f"./dev bench {name}{peers}{data} --threads {args.threads} --steps {args.steps}"
            update_page(name, command, report.lines)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
