"""A system under test: a process that computes only on request and is stopped while others compute.

Every worker is started with
  --threads N --batch B --repeats R --images FILE --labels FILE [--weights FILE]
(float32 images (B,3,128,128) and int32 labels as raw little-endian bytes; weights as safetensors with PyTorch's names,
with the files converted for other systems in the same folder). It prints `ready` and answers each line of its standard
input with one line, a word and numbers:
  step   -> seconds of one pass: the mean of R, after one pass that is not timed where R > 1
  result -> the results to compare between systems: the loss of the last step, or the logits
  work   -> GFLOP of a pass, of the direct algorithm and as executed (tinycnn only)
  peak   -> float32 FMA peak of all threads in GFLOP/s (tinycnn only)
  clock  -> the same right after a pass, at the clock frequency of the pass (tinycnn only, for layers.py)
  take PASS -> GB of memory traffic of the pass and the algorithm's name; selects the pass for `step` (layers.py)
  bandwidth -> GB/s of a copy larger than the caches, bytes read and written (tinycnn only, for layers.py)
  quit   -> VmHWM and RssFile of /proc/self/status in 10^6 bytes, then exits

Between its answer and the next request a worker is stopped by SIGSTOP, so that spinning threads, such as OpenMP's, take
no time from the system that computes. Within its own steps each system waits as it does by default.
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
    """A setting of a system: its name in the table, the command without the common arguments, the environment."""

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
    """A running system; a context manager that terminates it."""

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
        """Reads an answer that begins with the expected word; returns the other words."""
        line = self.process.stdout.readline()
        word, *rest = line.split() or [""]
        if word != expected:
            sys.stderr.write(self.log.read_text()[-4000:])
            raise SystemExit(f"{self.setting} said {line!r} where '{expected}' was expected.")
        return rest

    def ask(self, question):
        """The words of the answer: numbers, except for `take`."""
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
