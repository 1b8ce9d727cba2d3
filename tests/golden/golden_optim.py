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


def record_groups(out, case):
    """AdamW: weight decay on the weights of two Linear only; biases and the BatchNorm have none and learn ten times as
    fast. Element i of parameter k has the gradient sin(0.1 t (10 k + i + 1))."""
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Linear(2, 2)).double()
    names = [name for name, _ in net.named_parameters()]
    with torch.no_grad():
        for index, (name, p) in enumerate(net.named_parameters()):
            p.copy_(torch.tensor([0.5 * math.cos(10 * index + i) for i in range(p.numel())]).reshape(p.shape))
            out[f"{case}/w0/{name}"] = p.detach().clone()
    plain = [name for name in names if name.endswith("bias") or name.startswith("1.")]
    groups = [{"params": [p for name, p in net.named_parameters() if name not in plain], "weight_decay": 0.1},
              {"params": [p for name, p in net.named_parameters() if name in plain], "weight_decay": 0.0, "lr": 0.1}]
    optimizer = optim.AdamW(groups, lr=0.01)
    for step in range(1, STEPS[-1] + 1):
        for index, p in enumerate(net.parameters()):
            p.grad = torch.tensor([math.sin(0.1 * step * (10 * index + i + 1)) for i in range(p.numel())],
                                  dtype=torch.float64).reshape(p.shape)
        optimizer.step()
        if step in STEPS:
            for name, p in net.named_parameters():
                out[f"{case}/w{step}/{name}"] = p.detach().clone()


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


def plateau(metrics, **settings):
    """The rate after each metric."""
    optimizer = optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    schedule = optim.lr_scheduler.ReduceLROnPlateau(optimizer, **settings)
    rates = []
    for metric in metrics:
        schedule.step(metric)
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


def plateau_metrics():
    """A noisy decay, as a validation loss."""
    return [round(1 / (1 + 0.3 * t) + 0.05 * math.sin(1.7 * t), 4) for t in range(60)]


def record_plateau(out, case, sign=1, **settings):
    metrics = [sign * metric for metric in plateau_metrics()]
    out[f"{case}/metrics"] = torch.tensor(metrics, dtype=torch.float64)
    out[f"{case}/rates"] = torch.tensor(plateau(metrics, **settings), dtype=torch.float64)


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

    record_optimizer(out, "amsgrad", lambda *a, **k: optim.Adam(*a, amsgrad=True, **k), lr=0.01, weight_decay=0.01)
    record_optimizer(out, "adagrad", optim.Adagrad, lr=0.1, weight_decay=0.01)
    record_optimizer(out, "adagrad_decay", optim.Adagrad, lr=0.1, weight_decay=0.0, lr_decay=0.05,
                     initial_accumulator_value=0.3)
    record_optimizer(out, "sgd_nesterov", lambda *a, **k: optim.SGD(*a, nesterov=True, **k), lr=0.05, momentum=0.9,
                     weight_decay=0.01)
    torch.set_default_dtype(torch.float64)  # NAdam's running product has the default type
    record_optimizer(out, "nadam", optim.NAdam, lr=0.01, weight_decay=0.01)
    torch.set_default_dtype(torch.float32)
    record_optimizer(out, "rmsprop_centered", lambda *a, **k: optim.RMSprop(*a, centered=True, **k), lr=0.01,
                     momentum=0.9, weight_decay=0.01)
    record_groups(out, "adamw_groups")

    record_plateau(out, "plateau_rel", factor=0.5, patience=2, threshold=0.05)
    record_plateau(out, "plateau_abs", factor=0.5, patience=1, threshold=0.01, threshold_mode="abs", cooldown=3)
    record_plateau(out, "plateau_max", sign=-1, mode="max", factor=0.3, patience=2, threshold=0.02, min_lr=0.004)
    record_plateau(out, "plateau_max_abs", sign=-1, mode="max", factor=0.3, patience=0, threshold=0.0,
                   threshold_mode="abs", eps=0.002)
    return out
