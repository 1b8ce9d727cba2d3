# The networks of tinycnn's tests and benchmarks in PyTorch, with the parameter names that ours must have.
import torch
from torch import nn


class Hw3(nn.Module):
    """HW3's food classifier: five blocks of conv 3x3, BatchNorm, ReLU, MaxPool 2, three Linear; 12,833,803 parameters.

    Keys: cnn.0 cnn.1 (conv, bn of block 1), cnn.4 cnn.5, cnn.8 cnn.9, cnn.12 cnn.13, cnn.16 cnn.17, fc.0 fc.2 fc.4.
    """

    def __init__(self, widths=(64, 128, 256, 512, 512), image=128, hidden=(1024, 512), classes=11):
        super().__init__()
        layers, channels = [], 3
        for width in widths:
            layers += [nn.Conv2d(channels, width, 3, 1, 1), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2, 2, 0)]
            channels = width
        self.cnn = nn.Sequential(*layers)
        side = image >> len(widths)
        layers, features = [], channels * side * side
        for width in hidden:
            layers += [nn.Linear(features, width), nn.ReLU()]
            features = width
        self.fc = nn.Sequential(*layers, nn.Linear(features, classes))

    def forward(self, x):
        return self.fc(self.cnn(x).flatten(1))


class BasicBlock(nn.Module):
    """torchvision's BasicBlock: relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x)), the stride in conv1."""

    expansion = 1

    def __init__(self, channels, width, stride, bias):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=bias)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=bias)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = shortcut(channels, width, stride, bias)

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """torchvision's Bottleneck (the "v1.5" form): 1x1, 3x3 with the stride, 1x1 to four times the width."""

    expansion = 4

    def __init__(self, channels, width, stride, bias):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1, bias=bias)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=bias)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, width * 4, 1, bias=bias)
        self.bn3 = nn.BatchNorm2d(width * 4)
        self.relu = nn.ReLU()
        self.downsample = shortcut(channels, width * 4, stride, bias)

    def forward(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(y)))))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


def shortcut(channels, width, stride, bias):
    """The 1x1 convolution and BatchNorm of a block that changes the shape; None if the identity fits."""
    if stride == 1 and channels == width:
        return None
    return nn.Sequential(nn.Conv2d(channels, width, 1, stride, bias=bias), nn.BatchNorm2d(width))


class ResNet(nn.Module):
    """torchvision's ResNet: conv 7x7 stride 2, bn, relu, max pool 3 stride 2, four stages, global average, Linear."""

    def __init__(self, block, depths, bias=False, classes=11):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=bias)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        channels = 64
        for stage, depth in enumerate(depths):
            width, blocks = 64 << stage, []
            for i in range(depth):
                blocks.append(block(channels, width, 2 if stage > 0 and i == 0 else 1, bias))
                channels = width * block.expansion
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


class SmallResNet(nn.Module):
    """ResNet on small images: stem, identity block, block with stride 2, global average, Linear; no conv biases."""

    def __init__(self, width=4, classes=5):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.layer1 = nn.Sequential(BasicBlock(width, width, 1, False))
        self.layer2 = nn.Sequential(BasicBlock(width, 2 * width, 2, False))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(2 * width, classes)

    def forward(self, x):
        x = self.layer2(self.layer1(self.relu(self.bn1(self.conv1(x)))))
        return self.fc(self.avgpool(x).flatten(1))


def seeded(seed, make):
    """A network whose initial values PyTorch draws with this seed."""
    torch.manual_seed(seed)
    return make()


def parameter_count(net):
    return sum(p.numel() for p in net.parameters())
