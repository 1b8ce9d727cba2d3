"""The benchmarks' networks in PyTorch, and the weights that all systems use."""
import functools
import pathlib
import sys

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests/golden"))
from torch_nets import BasicBlock, Hw3, ResNet, seeded  # noqa: E402

NETS = {"hw3": Hw3, "resnet18": functools.partial(ResNet, BasicBlock, (2, 2, 2, 2), bias=True)}


def untrained(net):
    """A network with initial weights for training."""
    return seeded(6666, NETS[net])


def trained(net):
    """A network for inference. Its BatchNorm parameters and statistics are random, but close to those of the data, so
    that activations keep their scale and a system that ignores any of the four would give different results."""
    module = untrained(net)
    norms = [m for m in module.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for norm in norms:
        torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
        torch.nn.init.normal_(norm.bias, 0, 0.2)
        norm.momentum = 1.0
    with torch.no_grad():
        module.train()(torch.rand(16, 3, 128, 128))
        for norm in norms:
            norm.running_mean += 0.1 * norm.running_var.sqrt() * torch.randn_like(norm.running_mean)
            norm.running_var *= torch.empty_like(norm.running_var).uniform_(0.8, 1.25)
    return module.eval()


def load(net, weights):
    import safetensors.torch

    module = untrained(net)
    module.load_state_dict(safetensors.torch.load_file(weights))
    return module
