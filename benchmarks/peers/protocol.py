"""The worker's side of the protocol in benchmarks/worker.py, for peers in Python."""
import argparse
import os
import pathlib
import sys
import time

import numpy

# Answers use the original standard output; everything else that is printed, also by libraries, goes to standard error.
ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

FORMATS = {"onnx": ".onnx", "mnn": ".mnn", "ncnn": ".ncnn.param"}


def arguments(*settings):
    """Parses the command line; `settings` are the values that --setting may have."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--setting", choices=settings, default=settings[0])
    parser.add_argument("--net")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--images")
    parser.add_argument("--labels")
    parser.add_argument("--weights", type=pathlib.Path)
    return parser.parse_args()


def images(args):
    """(N,3,128,128)"""
    return numpy.fromfile(args.images, dtype="<f4").reshape(args.batch, 3, 128, 128)


def labels(args):
    """(N)"""
    return numpy.fromfile(args.labels, dtype="<i4").astype(numpy.int64)


def converted(args, form):
    """The file with the same weights in the format of another system."""
    return str(args.weights.with_suffix(FORMATS[form]))


def status_mb(field):
    """The peak memory of this process; getrusage would also count the parent's pages at the fork."""
    line = next(line for line in open("/proc/self/status") if line.startswith(field))
    return int(line.split()[1]) * 1024 / 1e6


def answer(*words):
    print(*words, file=ANSWERS, flush=True)


def serve(one_pass, result, repeats):
    """Answers requests; one_pass() computes, result() returns the results as an iterable of numbers."""
    answer("ready")
    for line in sys.stdin:
        question = line.strip()
        if question == "step":
            if repeats > 1:
                one_pass()
            start = time.perf_counter()
            for _ in range(repeats):
                one_pass()
            answer("seconds", f"{(time.perf_counter() - start) / repeats:.9f}")
        elif question == "result":
            answer("result", *(f"{float(number):.9g}" for number in result()))
        else:
            answer("memory_mb", f"{status_mb('VmHWM'):.1f}", f"{status_mb('RssFile'):.1f}")
        if question == "quit":
            return


def serve_logits(predict, args):
    """`predict()` returns the logits (N, classes) of the batch as an array."""
    last = [None]

    def one_pass():
        last[0] = predict()

    serve(one_pass, lambda: numpy.asarray(last[0]).ravel(), args.repeats)
