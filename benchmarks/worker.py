"""A system under test: one process that computes only when asked, and is stopped while others compute.

Every worker is started with
  --threads N --batch B --repeats R --images FILE --labels FILE [--weights FILE]
(float32 images (B,3,128,128) and int32 labels as raw little-endian bytes; weights as safetensors with PyTorch's
names, beside them what they were converted to for other systems), prints `ready`, and answers each line on its
standard input with one line, a word and numbers:
  step   -> seconds of one pass: the mean of R, after one pass that is not timed where R > 1
  result -> the numbers that all systems must agree on: the last step's loss, or the logits
  work   -> GFLOP of a pass, of the direct algorithm and as executed (asked of tinycnn only)
  peak   -> float32 FMA of all threads in GFLOP/s (asked of tinycnn only)
  clock  -> the same right after a pass, at the clock that it ran at (asked of tinycnn by layers.py)
  take PASS -> GB that a pass must move and the algorithm's name; what `step` computes from now on (layers.py)
  bandwidth -> GB/s of a copy larger than the caches, bytes read and written (asked of tinycnn by layers.py)
  quit   -> VmHWM and RssFile of /proc/self/status in 10^6 bytes, then exits

Between its answer and the next question a worker is held by SIGSTOP: threads that wait by spinning, as OpenMP's do at
their fastest, take nothing from whoever computes, and within its own step each system waits as it likes best.
"""
import dataclasses
import os
import signal
import subprocess
import sys

ANSWERS = {"step": "seconds", "result": "result", "work": "gflop", "take": "taken", "peak": "peak_gflops",
           "clock": "peak_gflops", "bandwidth": "gbytes_per_s", "quit": "memory_mb"}


@dataclasses.dataclass(frozen=True)
class Setting:
    """One way to run one system: what the table calls it, the command without the common arguments, its environment."""

    system: str
    name: str
    command: tuple[str, ...]
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    preload: tuple[str, ...] = ()  # the first of these files that exists is preloaded; one must
    precision: str = "f32"

    def __str__(self):
        return f"{self.system} ({self.name})"

    def preloaded(self):
        return next((path for path in self.preload if os.path.exists(path)), None)


class Worker:
    """A running system; a context manager that ends it."""

    def __init__(self, setting, arguments, log):
        environment = os.environ | setting.environment
        if setting.preload:
            environment["LD_PRELOAD"] = setting.preloaded()
        self.setting = setting
        self.log = log
        self.process = subprocess.Popen(
            [*setting.command, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log.open("w"),
            text=True, env=environment
        )
        self.read("ready")
        self.process.send_signal(signal.SIGSTOP)

    def read(self, expected):
        """The words after the expected one."""
        line = self.process.stdout.readline()
        word, *rest = line.split() or [""]
        if word != expected:
            sys.stderr.write(self.log.read_text()[-4000:])
            raise SystemExit(f"{self.setting} said {line!r} where '{expected}' was expected.")
        return rest

    def ask(self, question):
        """The words of the answer: numbers, but for `take`."""
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(question + "\n")
        self.process.stdin.flush()
        words = self.read(ANSWERS[question.split()[0]])
        if question != "quit":
            self.process.send_signal(signal.SIGSTOP)
        return words

    def numbers(self, question):
        return [float(word) for word in self.ask(question)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
