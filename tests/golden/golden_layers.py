# Golden tensors of single layers, losses and blocks: inputs, outputs and gradients, computed by PyTorch in double.
import torch
from torch import nn
from torch.nn import functional

from torch_nets import BasicBlock


def randn(generator, *shape):
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def record(out, case, layer, x, generator):
    """Runs layer on x with a random dy; stores its state before, x, y, dy, dx, the gradients, and its buffers after."""
    layer.double()
    for parameter in layer.parameters():
        parameter.data = randn(generator, *parameter.shape) * (0.5 if parameter.dim() > 1 else 1.0)
    for name, value in layer.state_dict().items():
        out[f"{case}/{name}"] = value.clone()
    x = x.clone().requires_grad_()
    y = layer(x)
    dy = randn(generator, *y.shape)
    y.backward(dy)
    out[f"{case}/x"], out[f"{case}/y"], out[f"{case}/dy"], out[f"{case}/dx"] = x.detach(), y.detach(), dy, x.grad
    for name, parameter in layer.named_parameters():
        out[f"{case}/d{name}"] = parameter.grad
    if layer.training:
        for name, value in layer.named_buffers():
            out[f"{case}/{name}_after"] = value.clone()


def batch_norm(make, features, generator):
    """A BatchNorm whose running statistics differ from the initial 0 and 1."""
    layer = make(features).double()
    layer.running_mean.copy_(randn(generator, features))
    layer.running_var.copy_(randn(generator, features).square() + 0.5)
    layer.num_batches_tracked.fill_(3)
    return layer


def record_loss(out, case, logits, labels):
    logits = logits.clone().requires_grad_()
    loss = nn.CrossEntropyLoss()(logits, labels)
    loss.backward()
    out[f"{case}/x"], out[f"{case}/labels"] = logits.detach(), labels
    out[f"{case}/y"], out[f"{case}/dx"] = loss.detach().reshape(1), logits.grad


def record_activations(out):
    """Each activation alone, at its kinks too, and behind Conv2d, Conv2d + BatchNorm2d and Linear."""
    generator = torch.Generator().manual_seed(7777)
    kinks = torch.tensor([0.0, -0.0, 3.0, -3.0, 6.0, -6.0, 1e-30, -1e-30, 20.0, -20.0, 80.0, -80.0]).double()
    for name, layer in [
        ("leaky_relu", nn.LeakyReLU()),
        ("leaky_relu_fifth", nn.LeakyReLU(0.2)),
        ("silu", nn.SiLU()),
        ("hardswish", nn.Hardswish()),
        ("gelu", nn.GELU()),
        ("gelu_tanh", nn.GELU(approximate="tanh")),
        ("sigmoid", nn.Sigmoid()),
        ("tanh", nn.Tanh()),
    ]:
        x = randn(generator, 2, 3, 5, 7) * 3
        x[0].view(-1)[: len(kinks)] = kinks
        record(out, name, layer, x, generator)
        record(out, f"conv_{name}", nn.Sequential(nn.Conv2d(3, 5, 3, 1, 1), layer), randn(generator, 2, 3, 5, 7), generator)
        record(out, f"conv_bn_{name}", nn.Sequential(nn.Conv2d(3, 5, 3, 1, 1, bias=False), nn.BatchNorm2d(5), layer),
               randn(generator, 2, 3, 5, 7), generator)
        record(out, f"linear_{name}", nn.Sequential(nn.Linear(7, 5), layer), randn(generator, 3, 7), generator)


class Concat(nn.Module):
    """cat([a(x), b(x)]) over channels."""

    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 4, 1)
        self.b = nn.Conv2d(3, 5, 3, 1, 1)

    def forward(self, x):
        return torch.cat([self.a(x), self.b(x)], 1)


def same_padding(x, kernel, stride, dilation, value):
    """x padded as TensorFlow's SAME and ONNX's SAME_UPPER: the odd pixel at the end."""
    amounts = []
    for size, k, s, d in zip(x.shape[2:], kernel, stride, dilation):
        total = max((-(-size // s) - 1) * s + d * (k - 1) + 1 - size, 0)
        amounts = [total // 2, total - total // 2, *amounts]
    return functional.pad(x, amounts, value=value)


class SameConv2d(nn.Conv2d):
    def forward(self, x):
        return super().forward(same_padding(x, self.kernel_size, self.stride, self.dilation, 0))


class SamePool(nn.Module):
    """MaxPool2d, or AvgPool2d with the padding counted or not."""

    def __init__(self, what, kernel, stride):
        super().__init__()
        self.what, self.kernel, self.stride = what, kernel, stride

    def forward(self, x):
        def padded(image, value):
            return same_padding(image, self.kernel, self.stride, (1, 1), value)

        if self.what == "max":
            return functional.max_pool2d(padded(x, -torch.inf), self.kernel, self.stride)
        y = functional.avg_pool2d(padded(x, 0), self.kernel, self.stride)
        if self.what == "avg":
            return y
        return y / functional.avg_pool2d(padded(torch.ones_like(x), 0), self.kernel, self.stride)


def make():
    generator = torch.Generator().manual_seed(6666)
    torch.manual_seed(6666)
    out = {}

    def images(n, c, h, w):
        return randn(generator, n, c, h, w)

    for case, layer, x in [
        ("conv_k3p1", nn.Conv2d(3, 4, 3, 1, 1), images(2, 3, 7, 9)),
        ("conv_k3p1_nobias", nn.Conv2d(3, 4, 3, 1, 1, bias=False), images(1, 3, 4, 5)),
        ("conv_k3p0", nn.Conv2d(3, 4, 3), images(1, 3, 7, 9)),
        ("conv_k1", nn.Conv2d(4, 5, 1), images(2, 4, 5, 6)),
        ("conv_k1s2", nn.Conv2d(4, 5, 1, 2), images(1, 4, 7, 9)),
        ("conv_k3s2p1", nn.Conv2d(3, 4, 3, 2, 1), images(1, 3, 7, 9)),
        ("conv_k5s2p2", nn.Conv2d(2, 3, 5, 2, 2), images(2, 2, 7, 9)),
        ("conv_k3p2d2", nn.Conv2d(3, 4, 3, 1, 2, dilation=2), images(1, 3, 7, 9)),
        ("conv_k3p1g2", nn.Conv2d(4, 6, 3, 1, 1, groups=2), images(1, 4, 7, 9)),
        ("conv_depthwise", nn.Conv2d(4, 4, 3, 1, 1, groups=4), images(1, 4, 7, 9)),
        ("bn2d_train", batch_norm(nn.BatchNorm2d, 4, generator), images(3, 4, 3, 5) * 2 + 1),
        ("bn2d_eval", batch_norm(nn.BatchNorm2d, 4, generator).eval(), images(3, 4, 3, 5) * 2 + 1),
        ("bn1d_train", batch_norm(nn.BatchNorm1d, 6, generator), randn(generator, 5, 6) * 2 - 1),
        ("bn1d_eval", batch_norm(nn.BatchNorm1d, 6, generator).eval(), randn(generator, 5, 6) * 2 - 1),
        ("relu", nn.ReLU(), torch.cat([images(1, 3, 4, 5), torch.zeros(1, 3, 4, 5).double()])),
        ("maxpool_k2", nn.MaxPool2d(2), images(1, 3, 7, 9)),
        ("maxpool_k3s2p1", nn.MaxPool2d(3, 2, 1), images(1, 3, 7, 9) - 3),
        ("maxpool_k2_ties", nn.MaxPool2d(2), images(1, 3, 6, 8).round()),
        ("avgpool_k2", nn.AvgPool2d(2), images(1, 3, 7, 9)),
        ("avgpool_k3s2p1", nn.AvgPool2d(3, 2, 1), images(1, 3, 7, 9)),
        ("global_avgpool", nn.AdaptiveAvgPool2d(1), images(1, 3, 7, 9)),
        ("flatten", nn.Flatten(), images(2, 3, 2, 4)),
        ("linear", nn.Linear(7, 5), randn(generator, 3, 7)),
        ("linear_nobias", nn.Linear(7, 5, bias=False), randn(generator, 3, 7)),
        ("residual_identity", BasicBlock(4, 4, 1, False), images(2, 4, 4, 5)),
        ("residual_downsample", BasicBlock(3, 5, 2, False), images(2, 3, 6, 7)),
        ("concat", Concat(), images(2, 3, 4, 5)),
    ]:
        record(out, case, layer, x, generator)

    labels = torch.tensor([0, 10, 3, 7, 3])
    record_loss(out, "cross_entropy", randn(generator, 5, 11) * 2, labels)
    extreme = torch.full((5, 11), -80.0).double()
    for row, winner in enumerate([0, 2, 3, 1, 10]):  # samples 0 and 2 are right, 1, 3 and 4 wrong by 160
        extreme[row, winner] = 80.0
    extreme[3, 7] = 79.0
    record_loss(out, "cross_entropy_extreme", extreme, labels)
    record_activations(out)
    return out


def make_windows():
    """Windows that are not square, not symmetric or extend beyond the padding."""
    torch.manual_seed(7777)
    out = {}
    generator = torch.Generator().manual_seed(7777)

    def images(n, c, h, w):
        return randn(generator, n, c, h, w)

    for case, layer, x in [
        ("conv_k3x5", nn.Conv2d(2, 3, (3, 5), (2, 1), (1, 2)), images(2, 2, 6, 7)),
        ("conv_k5x1", nn.Conv2d(2, 3, (5, 1), (1, 3), (2, 0)), images(1, 2, 6, 7)),
        ("conv_k2x3g2", nn.Conv2d(4, 6, (2, 3), (1, 2), (0, 1), (2, 1), groups=2), images(1, 4, 6, 7)),
        ("conv_k1s2x3", nn.Conv2d(4, 5, 1, (2, 3)), images(1, 4, 6, 7)),
        ("conv_k3d1x2", nn.Conv2d(2, 3, 3, 1, (1, 2), (1, 2)), images(1, 2, 6, 7)),
        ("conv_k3p1x2", nn.Conv2d(2, 3, 3, 1, (1, 2)), images(1, 2, 6, 7)),
        ("conv_depthwise_k3x5", nn.Conv2d(4, 4, (3, 5), 1, (1, 2), groups=4), images(1, 4, 6, 7)),
        ("conv_k4same", nn.Conv2d(2, 3, 4, padding="same"), images(1, 2, 6, 7)),
        ("conv_k3s2same", SameConv2d(2, 3, 3, 2), images(1, 2, 6, 7)),
        ("conv_k2x5same", SameConv2d(2, 3, (2, 5), (3, 2), 0, (2, 1)), images(1, 2, 6, 7)),
        ("conv_depthwise_k3s2same", SameConv2d(4, 4, 3, 2, groups=4), images(1, 4, 6, 7)),
        ("maxpool_ceil6", nn.MaxPool2d(3, 2, 1, ceil_mode=True), images(1, 2, 6, 6)),
        ("maxpool_ceil4", nn.MaxPool2d(2, 3, 1, ceil_mode=True), images(1, 2, 4, 4)),
        ("maxpool_k2ceil", nn.MaxPool2d(2, ceil_mode=True), images(1, 2, 6, 7)),
        ("maxpool_k2x3", nn.MaxPool2d((2, 3), (1, 2), (1, 1), (2, 1), ceil_mode=True), images(1, 2, 6, 7)),
        ("maxpool_same", SamePool("max", (3, 2), (2, 3)), images(1, 2, 6, 7)),
        ("avgpool_ceil6", nn.AvgPool2d(3, 2, 1, ceil_mode=True), images(1, 2, 6, 6)),
        ("avgpool_ceil4", nn.AvgPool2d(2, 3, 1, ceil_mode=True), images(1, 2, 4, 4)),
        ("avgpool_k3x2", nn.AvgPool2d((3, 2), (2, 3), (1, 0)), images(1, 2, 6, 7)),
        ("avgpool_nopad", nn.AvgPool2d(3, 2, 1, count_include_pad=False), images(1, 2, 6, 7)),
        ("avgpool_nopad_ceil", nn.AvgPool2d((3, 2), (2, 3), 1, True, False), images(1, 2, 6, 6)),
        ("avgpool_same", SamePool("avg", (3, 2), (2, 1)), images(1, 2, 6, 7)),
        ("avgpool_same_nopad", SamePool("avg_nopad", (3, 2), (2, 1)), images(1, 2, 6, 7)),
    ]:
        record(out, case, layer, x, generator)
    return out
