"""Checks what an editor shows: clangd reports nothing about our examples and headers, and hovering over a layer or a
call shows its purpose, its shapes and the numbers that the compiler computes.

clangd is driven as by an editor, with the language server protocol on its standard input and output.
"""

import itertools
import json
import queue
import shutil
import subprocess
import sys
import threading

import compiler

SECONDS = 120  # the longest wait for an answer
AT_ONCE = 4 * compiler.JOBS  # files open at once: each takes tens of megabytes
HW3, NETWORK = "examples/hw3.cpp", "examples/networks/hw3_classifier.hpp"
LOOP, SMALL = "examples/thirty_lines.cpp", "examples/quickstart.cpp"
# file, a text at whose last letter the mouse points, texts that are shown there
HOVERS = [(NETWORK, "Conv2d", ["struct Conv2d<3, 64, 3", "x (In, H, W) -> y (Out, P, Q)", "torch.nn.Conv2d"]),
          (NETWORK, "BatchNorm", ["struct BatchNorm<64", "torch.nn.BatchNorm2d"]),
          (HW3, "= Trainer", ["Image<3, 128, 128>", "Batch<64>", "Trains `Net`"]),
          (HW3, "run.fit", ["Trains `model`"]),
          (SMALL, "Model::parameters", ["Value = 6435"]),
          (LOOP, "= model.step", ["StepResult step<tinycnn::Minibatch>", "`images` (N, C, H, W)"]),
          ("include/tinycnn/train/trainer.hpp", "StepResult step", ["forward, loss, backward, clipping, update"])]


class Clangd:
    """A language server for our tree; .clangd names the folder with the compile flags."""

    def __init__(self):
        self.process = subprocess.Popen(["clangd-19", "--background-index=0", f"-j={compiler.JOBS}", "--log=error"],
                                        cwd=compiler.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        self.received = queue.Queue()
        self.requests = 0
        threading.Thread(target=self.receive, daemon=True).start()
        self.ask("initialize", {"processId": None, "rootUri": compiler.ROOT.as_uri(), "capabilities": {}})
        self.tell("initialized", {})

    def receive(self):
        while header := self.process.stdout.readline():
            length = int(header.removeprefix(b"Content-Length:"))
            while self.process.stdout.readline().strip():
                pass
            self.received.put(json.loads(self.process.stdout.read(length)))

    def send(self, message):
        text = json.dumps({"jsonrpc": "2.0"} | message).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(text), text))
        self.process.stdin.flush()

    def tell(self, method, parameters):
        self.send({"method": method, "params": parameters})

    def ask(self, method, parameters):
        self.requests += 1
        self.send({"id": self.requests, "method": method, "params": parameters})
        while (message := self.received.get(timeout=SECONDS)).get("id") != self.requests:
            pass
        return message["result"]

    def stop(self):
        self.ask("shutdown", None)
        self.tell("exit", None)
        self.process.wait(SECONDS)

    def open(self, path):
        self.tell("textDocument/didOpen", {"textDocument": {"uri": path.as_uri(), "languageId": "cpp", "version": 1,
                                                            "text": path.read_text()}})

    def close(self, path):
        self.tell("textDocument/didClose", {"textDocument": {"uri": path.as_uri()}})

    def findings(self, paths):
        """What clangd reports about each of these files, none of which was open before."""
        for path in paths:
            self.open(path)
        awaited, reports = {path.as_uri() for path in paths}, {}
        while awaited:
            message = self.received.get(timeout=SECONDS)
            if message.get("method") == "textDocument/publishDiagnostics":
                awaited.discard(message["params"]["uri"])
                reports[message["params"]["uri"]] = message["params"]["diagnostics"]
        for path in paths:
            self.close(path)
        return [reports[path.as_uri()] for path in paths]

    def hover(self, path, text):
        before = path.read_text().partition(text)[0] + text[:-1]
        place = {"line": before.count("\n"), "character": len(before.rpartition("\n")[2])}
        shown = self.ask("textDocument/hover", {"textDocument": {"uri": path.as_uri()}, "position": place})
        return shown["contents"]["value"] if shown else ""


def complaints_about(path, findings):
    for finding in findings:
        line = finding["range"]["start"]["line"] + 1
        yield f"{path.relative_to(compiler.ROOT)}:{line}: {finding['message'].splitlines()[0]}"


def main():
    if not shutil.which("clangd-19"):
        sys.exit("clangd-19 is not installed: ./dev setup --all")
    if not (compiler.ROOT / "build/release/compile_commands.json").exists():
        subprocess.run(["cmake", "--preset", "release", "--log-level=WARNING"], cwd=compiler.ROOT, check=True)
    paths = sorted([*compiler.ROOT.glob("include/**/*.hpp"), *compiler.ROOT.glob("examples/**/*.[ch]pp")])
    clangd = Clangd()
    complaints = []
    for first in range(0, len(paths), AT_ONCE):
        some = paths[first:first + AT_ONCE]
        for path, findings in zip(some, clangd.findings(some)):
            complaints.append("\n".join(complaints_about(path, findings)))
    for name, hovers in itertools.groupby(HOVERS, lambda hover: hover[0]):
        path = compiler.ROOT / name
        clangd.open(path)
        for _, text, wanted in hovers:
            shown = clangd.hover(path, text)
            missing = [part for part in wanted if part not in shown]
            complaints.append(f"{name}: '{text}' shows no {missing}, but\n{shown}" if missing else "")
        clangd.close(path)
    clangd.stop()
    failed = [complaint for complaint in complaints if complaint]
    print(*failed, sep="\n", end="\n" if failed else "")
    return compiler.finish(len(complaints) - len(failed), len(failed))


if __name__ == "__main__":
    sys.exit(main())
