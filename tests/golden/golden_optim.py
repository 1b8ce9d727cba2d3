# Golden tensors of optimizers, gradient clipping and learning-rate schedules, computed by PyTorch in double.
import math

import torch
from torch import nn, optim

SIZE = 7
STEPS = (1, 2, 10, 100)


def gradient(step):
    """g_t[i] = sin(0.1 t (i + 1)), t counting from 1: the C++ tests compute the same formula."""
    return torch.tensor([math.sin(0.1 * step * (i + 1)) for i in range(SIZE)], dtype=torch.float64)


def record_optimizer(out, case, make, **settings):
    start = torch.tensor([0.5 * math.cos(i) for i in range(SIZE)], dtype=torch.float64)
    w = nn.Parameter(start.clone())
    optimizer = make([w], **settings)
    out[f"{case}/w0"] = start
    for name, value in settings.items():
        out[f"{case}/{name}"] = torch.tensor([value], dtype=torch.float64)
    for step in range(1, STEPS[-1] + 1):
        w.grad = gradient(step)
        optimizer.step()
        if step in STEPS:
            out[f"{case}/w{step}"] = w.detach().clone()


def record_clip(out, case, scale, max_norm):
    """Two parameters, a (2,3) and b (4): the norm is over both."""
    a = nn.Parameter(torch.zeros(2, 3, dtype=torch.float64))
    b = nn.Parameter(torch.zeros(4, dtype=torch.float64))
    a.grad = torch.arange(-2, 4, dtype=torch.float64).reshape(2, 3) * scale
    b.grad = torch.tensor([0.5, -1.5, 2.5, 0.0], dtype=torch.float64) * scale
    out[f"{case}/da"], out[f"{case}/db"] = a.grad.clone(), b.grad.clone()
    norm = nn.utils.clip_grad_norm_([a, b], max_norm)
    out[f"{case}/max_norm"] = torch.tensor([max_norm], dtype=torch.float64)
    out[f"{case}/norm"] = norm.reshape(1).clone()
    out[f"{case}/da_clipped"], out[f"{case}/db_clipped"] = a.grad.clone(), b.grad.clone()


def cosine(lr, t_max, eta_min, steps):
    """The rate before each of the steps, as optim.lr_scheduler.CosineAnnealingLR sets it."""
    optimizer = optim.SGD([nn.Parameter(torch.zeros(1))], lr=lr)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, t_max, eta_min)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


def record_rates(out, case, rates, **settings):
    out[f"{case}/rates"] = torch.tensor(rates, dtype=torch.float64)
    for name, value in settings.items():
        out[f"{case}/{name}"] = torch.tensor([value], dtype=torch.float64)


def make():
    out = {}
    record_optimizer(out, "adam", optim.Adam, lr=0.01, weight_decay=0.01)
    record_optimizer(out, "adam_hw3", optim.Adam, lr=3e-4, weight_decay=1e-5)
    record_optimizer(out, "adamw", optim.AdamW, lr=0.01, weight_decay=0.1)
    record_optimizer(out, "sgd", optim.SGD, lr=0.05, weight_decay=0.0)
    record_optimizer(out, "sgd_momentum", optim.SGD, lr=0.05, momentum=0.9, weight_decay=0.01)

    record_clip(out, "clip_below", 1.0, 10.0)  # norm 5.27: the coefficient is 1
    record_clip(out, "clip_above", 8.0, 10.0)
    record_clip(out, "clip_huge", 1e12, 10.0)
    record_clip(out, "clip_zero", 0.0, 10.0)

    record_rates(out, "cosine", cosine(0.1, 10, 0.001, 11), lr=0.1, t_max=10, eta_min=0.001)
    record_rates(out, "cosine_hw3", cosine(3e-4, 8, 0.0, 9), lr=3e-4, t_max=8, eta_min=0.0)
    warmup = [0.1 * (step + 1) / 5 for step in range(5)]
    record_rates(out, "warmup_cosine", warmup + cosine(0.1, 10, 0.001, 11), lr=0.1, warmup=5, t_max=10, eta_min=0.001)
    return out
