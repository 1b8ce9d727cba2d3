"""Writes the weights of a case as safetensors and in the formats that the peers read.

Run: prepare.py NET train|infer BATCH FILE.safetensors [onnx] [mnn] [ncnn]
"""
import pathlib
import subprocess
import sys
import tempfile
import warnings

import safetensors.torch
import torch

import nets
from protocol import FORMATS


def to_onnx(module, batch, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the traced exporter is not the newest
        torch.onnx.export(module, batch, str(path), input_names=["images"], output_names=["logits"], dynamo=False)


def to_mnn(path, onnx):
    tool = pathlib.Path(sys.executable).with_name("mnnconvert")
    subprocess.run([tool, "-f", "ONNX", "--modelFile", onnx, "--MNNModel", path, "--bizCode", "tinycnn"], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def to_ncnn(module, batch, path):
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that torch.jit is not the newest
        traced = pathlib.Path(folder) / "net.pt"
        torch.jit.trace(module, batch).save(traced)
        sizes = ",".join(map(str, batch.shape))
        subprocess.run([pathlib.Path(sys.executable).with_name("pnnx"), traced, f"inputshape=[{sizes}]", "fp16=0",
                        f"ncnnparam={path}", f"ncnnbin={path.with_suffix('.bin')}"], check=True, cwd=folder,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main():
    net, mode, batch, weights, *forms = sys.argv[1:]
    weights = pathlib.Path(weights)
    module = nets.untrained(net) if mode == "train" else nets.trained(net)
    safetensors.torch.save_file(module.state_dict(), weights)
    images = torch.rand(int(batch), 3, 128, 128)
    paths = {form: weights.with_suffix(suffix) for form, suffix in FORMATS.items()}
    if "onnx" in forms or "mnn" in forms:
        to_onnx(module, images, paths["onnx"])
    if "mnn" in forms:
        to_mnn(paths["mnn"], paths["onnx"])
    if "ncnn" in forms:
        to_ncnn(module, images, paths["ncnn"])


if __name__ == "__main__":
    main()
