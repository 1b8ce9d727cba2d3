# The errors of PyTorch's float32 gradients, to which tests/backends/precision_test.cpp compares ours; it draws the same
# parameters and images.
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

SEEDS = range(1, 34)
SHIFTS = (0, 10, 100, 1000)


class Padded(nn.Sequential):
    """Two blocks with padding, whose zeros do not get the shift: so the border dominates BatchNorm's deviation."""

    batch, image = 2, 16

    def __init__(self):
        super().__init__(nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Flatten(), nn.Linear(256, 5))


class Unpadded(nn.Sequential):
    """Without padding, the shift determines the mean of BatchNorm's input, which is up to 1000 times its deviation."""

    batch, image = 4, 12

    def __init__(self):
        super().__init__(nn.Conv2d(3, 16, 3, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
                         nn.Conv2d(16, 8, 3, bias=False), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(512, 5))


class Branches(nn.Module):
    """A BatchNorm over two samples, whose gradient nearly cancels: what is left are differences of close values."""

    batch, image = 2, 16

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 7, padding=4)
        self.bn = nn.BatchNorm2d(8)
        self.branch = nn.Conv2d(8, 5, 3, padding=2, dilation=2)
        self.norm = nn.BatchNorm1d(13)
        self.fc1 = nn.Linear(13, 33)
        self.fc2 = nn.Linear(33, 5)

    def forward(self, x):
        x = F.relu(self.bn(self.conv(x)))
        y = F.relu(self.branch(x))
        x = torch.cat([x, y + y], 1).mean((2, 3))
        return self.fc2(self.fc1(self.norm(x)))


def philox(seed, stream, count):
    """tinycnn::Philox{seed}(stream, i)[0] for i below count (include/tinycnn/core/random.hpp)."""
    i = np.arange(count, dtype=np.uint64)
    low = np.uint64(0xFFFFFFFF)
    c = [i & low, i >> np.uint64(32), np.full_like(i, stream) & low, np.full_like(i, stream) >> np.uint64(32)]
    k0, k1 = np.uint64(seed), np.uint64(0)
    for _ in range(10):
        a, b = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(b >> np.uint64(32)) ^ c[1] ^ k0, b & low, (a >> np.uint64(32)) ^ c[3] ^ k1, a & low]
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & low, (k1 + np.uint64(0xBB67AE85)) & low
    return c[0]


def drawn(seed, stream, shape):
    """Multiples of 2^-23 in [-1, 1)."""
    count = int(np.prod(shape))
    return 2 * ((philox(seed, stream, count) >> np.uint64(8)).astype(np.float64) * 2.0**-24).reshape(shape) - 1


def fill(net, seed):
    """Draws parameter k of the state_dict from stream k, rounded to float32."""
    for k, (name, p) in enumerate(net.state_dict().items()):
        if name.endswith(("running_mean", "running_var", "num_batches_tracked")):
            continue
        u = drawn(seed, k, tuple(p.shape))
        if p.ndim > 1:
            value = u * (1.5 / np.sqrt(p.numel() / p.shape[0]))
        elif name.endswith("weight"):
            value = np.where(u < 0, u - 0.5, u + 0.5)
        else:
            value = 0.5 * u
        p.copy_(torch.from_numpy(value.astype(np.float32)))


def gradients(make, seed, shift, dtype):
    """Logits and every gradient of the mean cross-entropy, in double."""
    net = make().to(dtype).train()
    fill(net, seed)
    images = drawn(seed, 1000, (net.batch, 3, net.image, net.image)) + shift
    x = torch.from_numpy(images.astype(np.float32)).to(dtype).requires_grad_()
    labels = (philox(seed, 1001, net.batch) * np.uint64(5) >> np.uint64(32)).astype(np.int64)
    logits = net(x)
    F.cross_entropy(logits, torch.from_numpy(labels)).backward()
    return {"logits": logits.detach().double(), "dx": x.grad.double(),
            **{name: p.grad.double() for name, p in net.named_parameters()}}


def error(got, expected):
    """Root mean square of the error, relative to that of the expected tensor."""
    return (got - expected).square().mean().sqrt() / expected.square().mean().sqrt()


def make():
    """`<net>/<shift>/<index of the tensor in the state_dict, or dx or logits>` -> median error over the seeds."""
    out = {}
    for net in (Padded, Unpadded, Branches):
        keys = list(net().state_dict())
        for shift in SHIFTS:
            errors = {}
            for seed in SEEDS:
                expected = gradients(net, seed, shift, torch.float64)
                got = gradients(net, seed, shift, torch.float32)
                for name in expected:
                    # Gradients of 0: of a bias before a BatchNorm, and of what precedes a ReLU that is 0 everywhere.
                    if expected[name].abs().max() > 1e-9:
                        errors.setdefault(name, []).append(error(got[name], expected[name]))
            for name, all_errors in errors.items():
                if len(all_errors) == len(SEEDS):
                    key = keys.index(name) if name in keys else name
                    out[f"{net.__name__}/{shift}/{key}"] = torch.stack(all_errors).median().reshape(1)
    return out
