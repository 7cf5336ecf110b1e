"""Reads exported checkpoints in PyTorch, for test/training/export-run.test.ts. Prints one line of JSON.

    torch-checkpoint.py tensors FILE               name, shape and SHA-256 of every tensor
    torch-checkpoint.py classifier FILE IMAGES N SIDE   logits of a ResNet-18 with the file's weights; IMAGES is raw
                                                   float32 [N, 3, SIDE, SIDE]
"""

import hashlib
import json
import sys

import numpy
import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    def __init__(self, channels, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = None
        if channels != width or stride != 1:
            shortcut = nn.Conv2d(channels, width, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(width))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


def layer(channels, width, stride, drop_after=()):
    """Attention dropout layers do nothing in evaluation, but they take an index."""
    modules = []
    for block in range(2):
        modules.append(Block(channels if block == 0 else width, width, stride if block == 0 else 1))
        if block in drop_after:
            modules.append(nn.Identity())
    return nn.Sequential(*modules)


def high_frequency(image):
    spectrum = torch.fft.fftshift(torch.fft.fft2(image), dim=(-2, -1))
    height, width = image.shape[-2:]
    spectrum[..., height // 2 - 1 : height // 2 + 1, width // 2 - 1 : width // 2 + 1] = 0
    filtered = torch.fft.ifft2(torch.fft.ifftshift(spectrum, dim=(-2, -1)))
    return filtered.real.abs().mean(1, keepdim=True)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(4, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = layer(64, 64, 1)
        self.layer2 = layer(64, 128, 2)
        self.layer3 = layer(128, 256, 2, (0,))
        self.layer4 = layer(256, 512, 1, (0, 1))
        self.fc = nn.Linear(512, 1)

    def forward(self, image):
        x = torch.cat([image, high_frequency(image)], 1)
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))[:, 0]


def classifier_logits(file, images, count, side):
    model = Classifier().eval()
    model.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    data = numpy.fromfile(images, dtype="<f4").reshape(int(count), 3, int(side), int(side))
    with torch.no_grad():
        return {"logits": model(torch.from_numpy(data)).tolist()}


def tensors(file):
    state = torch.load(file, map_location="cpu", weights_only=True)
    return {
        name: {
            "shape": list(tensor.shape),
            "sha256": hashlib.sha256(tensor.contiguous().numpy().tobytes()).hexdigest(),
        }
        for name, tensor in state.items()
    }


torch.set_num_threads(1)
command, *rest = sys.argv[1:]
print(json.dumps(classifier_logits(*rest) if command == "classifier" else tensors(*rest)))
