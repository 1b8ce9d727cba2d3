# Golden training runs of two small networks, by PyTorch in double, and the lists of keys of the full-size networks.
import torch
from torch import nn, optim

from torch_nets import BasicBlock, Bottleneck, Hw3, ResNet, SmallResNet, parameter_count, seeded

STEPS = 5
BATCHES = (6, 3)  # steps alternate between the 6 images of batch 0 and the partial batch 1 of 3
LR, WEIGHT_DECAY, CLIP = 1e-2, 1e-5, 10.0


def train(net, gain, generator, image, classes):
    """Runs five Adam steps; returns the tensors that make_golden.py lists for small_hw3.safetensors."""
    net.double().train()
    net.classifier().weight.data *= gain  # so that some gradient norms are above CLIP and some below
    out = {f"initial/{k}": v.clone() for k, v in net.state_dict().items()}
    batches = []
    for i, n in enumerate(BATCHES):
        x = torch.rand(n, 3, image, image, generator=generator, dtype=torch.float64)
        x = x.float().double()  # rounded, since a Trainer's images are float32
        labels = torch.randint(classes, (n,), generator=generator)
        batches.append((x, labels))
        out[f"x{i}"], out[f"labels{i}"] = x, labels
    for name, value in [("lr", LR), ("weight_decay", WEIGHT_DECAY), ("clip", CLIP)]:
        out[name] = torch.tensor([value], dtype=torch.float64)

    optimizer = optim.Adam(net.parameters(), lr=LR, weight_decay=WEIGHT_DECAY)
    losses, norms = [], []
    for step in range(STEPS):
        x, labels = batches[step % len(batches)]
        loss = nn.CrossEntropyLoss()(net(x), labels)
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            out |= {f"gradient/{k}": p.grad.clone() for k, p in net.named_parameters()}
        norms.append(nn.utils.clip_grad_norm_(net.parameters(), CLIP).item())
        losses.append(loss.item())
        optimizer.step()
    if not min(norms) < CLIP < max(norms):
        raise SystemExit(f"The gradient norms {norms} are all on one side of {CLIP}: choose another gain.")
    out["losses"] = torch.tensor(losses, dtype=torch.float64)
    out["grad_norms"] = torch.tensor(norms, dtype=torch.float64)
    out |= {f"final/{k}": v.clone() for k, v in net.state_dict().items()}
    net.eval()
    with torch.no_grad():
        out["logits0"] = net(batches[0][0])
    return out


class SmallHw3(Hw3):
    def __init__(self):
        super().__init__(widths=(8, 16), image=8, hidden=(32,), classes=5)

    def classifier(self):
        return self.fc[-1]


class SmallResNetRun(SmallResNet):
    def classifier(self):
        return self.fc


def make_small_hw3():
    return train(seeded(6666, SmallHw3), 2.5, torch.Generator().manual_seed(1), 8, 5)


def make_small_resnet():
    return train(seeded(6666, SmallResNetRun), 6, torch.Generator().manual_seed(2), 8, 5)


def key_lists():
    """File name -> (number of parameters it must have, network)."""
    return {
        "hw3_keys.txt": (12_833_803, Hw3()),
        "course_resnet18_keys.txt": (11_186_955, ResNet(BasicBlock, (2, 2, 2, 2), bias=True)),
        "resnet18_keys.txt": (11_182_155, ResNet(BasicBlock, (2, 2, 2, 2))),
        "resnet50_keys.txt": (23_530_571, ResNet(Bottleneck, (3, 4, 6, 3))),
    }


def key_text(expected, net):
    if parameter_count(net) != expected:
        raise SystemExit(f"The network has {parameter_count(net)} parameters, the list is meant for {expected}.")
    return "".join(f"{k} ({','.join(map(str, v.shape))})\n" for k, v in net.state_dict().items())
