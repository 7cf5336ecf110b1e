"""The patch classifier in PyTorch: ResNet-18 or -50 with attention dropout layers and the high-frequency channel.

Written from the paper (section 2) and torchvision's state-dict names; for parity, for checkpoints and as a baseline.
"""

import torch
import torch.nn.functional as F
from torch import nn

DROP_RATE, DROP_THRESHOLD = 0.75, 0.8


class AttentionDropout(nn.Module):
    """In training one draw a call: drops the most attended places, else weighs by attention."""

    drop = None  # True or False instead of a draw

    def forward(self, features):
        if not self.training:
            return features
        attention = features.mean(1, keepdim=True)
        if self.drop is not None:
            drops = self.drop
        else:
            drops = torch.rand(1).item() < DROP_RATE
        if drops:
            limit = attention.amax((2, 3), keepdim=True) * DROP_THRESHOLD
            return features * (attention < limit).to(features.dtype)
        return features * torch.sigmoid(attention)


def shortcut(inputs, outputs, stride):
    if inputs == outputs and stride == 1:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, inputs, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = shortcut(inputs, width, stride)

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(y)) + (x if self.downsample is None else self.downsample(x)), inplace=True)


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, inputs, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample = shortcut(inputs, 4 * width, stride)

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        return F.relu(self.bn3(self.conv3(y)) + (x if self.downsample is None else self.downsample(x)), inplace=True)


def layer(block, inputs, width, count, stride, drop_after=()):
    """Attention dropout layers take an index among the blocks."""
    outputs = block.expansion * width
    modules = []
    for index in range(count):
        modules.append(block(inputs if index == 0 else outputs, width, stride if index == 0 else 1))
        if index in drop_after:
            modules.append(AttentionDropout())
    return nn.Sequential(*modules)


def high_frequency(image):
    """Per channel: the image without the central 2x2 bins of its shifted Fourier transform."""
    spectrum = torch.fft.fftshift(torch.fft.fft2(image), dim=(-2, -1))
    height, width = image.shape[-2:]
    spectrum[..., height // 2 - 1 : height // 2 + 1, width // 2 - 1 : width // 2 + 1] = 0
    return torch.fft.ifft2(torch.fft.ifftshift(spectrum, dim=(-2, -1))).real.abs()


class Classifier(nn.Module):
    def __init__(self, depth=50):
        super().__init__()
        block, counts = {18: (BasicBlock, (2, 2, 2, 2)), 50: (Bottleneck, (3, 4, 6, 3))}[depth]
        wide = block.expansion
        self.conv1 = nn.Conv2d(4, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = layer(block, 64, 64, counts[0], 1)
        self.layer2 = layer(block, 64 * wide, 128, counts[1], 2)
        self.layer3 = layer(block, 128 * wide, 256, counts[2], 2, (0,))
        self.layer4 = layer(block, 256 * wide, 512, counts[3], 1, (0, counts[3] - 1))
        self.fc = nn.Linear(512 * wide, 1)

    def forward(self, image):
        x = torch.cat([image, high_frequency(image).mean(1, keepdim=True)], 1)
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x)), inplace=True), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))[:, 0]
