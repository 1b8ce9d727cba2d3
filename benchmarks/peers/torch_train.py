"""PyTorch's training step with Adam and clipping, as in the course, under one of several settings."""
import torch
from torch import nn

import nets
import protocol

# setting -> memory format, fused Adam, compiled, autocast to bf16
SETTINGS = {
    "nchw": (torch.contiguous_format, False, False, False),
    "nhwc": (torch.channels_last, False, False, False),
    "nchw-fused": (torch.contiguous_format, True, False, False),
    "nhwc-fused": (torch.channels_last, True, False, False),
    "nhwc-compiled": (torch.channels_last, True, True, False),
    "nhwc-bf16": (torch.channels_last, True, False, True),
}


class Training:
    def __init__(self, args):
        layout, fused, compiled, self.bf16 = SETTINGS[args.setting]
        self.net = nets.load(args.net, args.weights).to(memory_format=layout).train()
        self.forward = torch.compile(self.net) if compiled else self.net
        self.images = torch.from_numpy(protocol.images(args)).to(memory_format=layout)
        self.labels = torch.from_numpy(protocol.labels(args))
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=3e-4, weight_decay=1e-5, fused=fused)
        self.loss = float("nan")

    def step(self):
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            loss = self.criterion(self.forward(self.images), self.labels)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 10)
        self.optimizer.step()
        self.loss = loss.item()


def main():
    args = protocol.arguments(*SETTINGS)
    torch.set_num_threads(args.threads)
    training = Training(args)
    protocol.serve(training.step, lambda: [training.loss], args.repeats)


if __name__ == "__main__":
    main()
