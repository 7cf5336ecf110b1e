#!/usr/bin/python3
"""Writes golden.json with the classifier sections for another tag, computed with PyTorch.

    /usr/bin/python3 scripts/parity/make-golden.py OUT --tag b [--double]

Needs PyTorch and NumPy (Debian: python3-torch, python3-numpy). With --double everything is computed in float64
from the same float32 inputs: the exact values that both PyTorch's and our float32 results approximate. The
tolerances of the training sections were chosen from such directories (see docs/decisions.md).
"""

import argparse
import json
import math
import pathlib

import numpy
import torch
from torch import nn
from torch.nn import functional

LEARNING_RATE = 1e-5
WEIGHT_DECAY = 1e-3
REPORTED_AFTER_STEP = [
    "conv1.weight",
    "bn1.weight",
    "bn1.bias",
    "layer1.0.conv1.weight",
    "layer1.0.bn1.weight",
    "layer1.0.bn1.bias",
    "fc.weight",
    "fc.bias",
]


def uniform(name, shape, low, high):
    """The deterministic fill: FNV-1a of the name seeds mulberry32."""
    seed = 2166136261
    for byte in name.encode():
        seed = ((seed ^ byte) * 16777619) & 0xFFFFFFFF
    count = int(numpy.prod(shape))
    steps = seed + 0x6D2B79F5 * numpy.arange(1, count + 1, dtype=numpy.uint64)
    a = (steps & numpy.uint64(0xFFFFFFFF)).astype(numpy.uint32)
    t = (a ^ (a >> numpy.uint32(15))) * (a | numpy.uint32(1))
    t ^= t + (t ^ (t >> numpy.uint32(7))) * (t | numpy.uint32(61))
    draws = (t ^ (t >> numpy.uint32(14))).astype(numpy.float64) / 4294967296
    return torch.from_numpy((low + (high - low) * draws).astype(numpy.float32).reshape(shape))


def weight_fill(name, shape):
    if name.endswith("running_mean"):
        return uniform(name, shape, -0.1, 0.1)
    if name.endswith("running_var"):
        return uniform(name, shape, 0.5, 1.5)
    if name.endswith(".bias"):
        return uniform(name, shape, -0.1, 0.1)
    if len(shape) == 1:
        return uniform(name, shape, 0.5, 1.5)
    limit = math.sqrt(6 / ((shape[0] + shape[1]) * math.prod(shape[2:])))
    return uniform(name, shape, -limit, limit)


class AttentionDropout(nn.Module):
    drop = True

    def forward(self, x):
        if not self.training:
            return x
        attention = x.mean(1, keepdim=True)
        if not self.drop:
            return x * torch.sigmoid(attention)
        limit = 0.8 * attention.amax((2, 3), keepdim=True)
        return x * (attention < limit).to(x.dtype)


class Bottleneck(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample = None
        if inputs != 4 * width or stride != 1:
            shortcut = nn.Conv2d(inputs, 4 * width, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(4 * width))

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        x = functional.relu(self.bn1(self.conv1(x)))
        x = functional.relu(self.bn2(self.conv2(x)))
        return functional.relu(self.bn3(self.conv3(x)) + shortcut)


def stage(inputs, width, count, stride, drop_after):
    layers = []
    for block in range(count):
        layers.append(Bottleneck(inputs if block == 0 else 4 * width, width, stride if block == 0 else 1))
        if block in drop_after:
            layers.append(AttentionDropout())
    return nn.Sequential(*layers)


def high_frequency(x):
    """Per channel: the central 2x2 bins of the shifted spectrum set to zero."""
    spectrum = torch.fft.fftshift(torch.fft.fft2(x), dim=(-2, -1))
    height, width = x.shape[-2:]
    spectrum[..., height // 2 - 1 : height // 2 + 1, width // 2 - 1 : width // 2 + 1] = 0
    return torch.fft.ifft2(torch.fft.ifftshift(spectrum, dim=(-2, -1))).real.abs()


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(4, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = stage(64, 64, 3, 1, ())
        self.layer2 = stage(256, 128, 4, 2, ())
        self.layer3 = stage(512, 256, 6, 2, (0,))
        self.layer4 = stage(1024, 512, 3, 1, (0, 2))
        self.fc = nn.Linear(2048, 1)

    def forward(self, x):
        x = torch.cat([x, high_frequency(x).mean(1, keepdim=True)], 1)
        x = functional.max_pool2d(functional.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))[:, 0]


def filled_classifier(dtype):
    classifier = Classifier()
    with torch.no_grad():
        for name, tensor in classifier.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                tensor.copy_(weight_fill(name, tensor.shape))
    return classifier.to(dtype)


def numbers(tensor):
    return [float(f"{value:.7g}") for value in tensor.detach().flatten().tolist()]


def summary(tensor):
    values = tensor.detach().double().flatten()
    return {
        "shape": list(tensor.shape),
        "l2": values.norm().item(),
        "sum": values.sum().item(),
        "head": numbers(values[:8]),
    }


def training_section(image, drop, dtype):
    classifier = filled_classifier(dtype).train()
    for module in classifier.modules():
        if isinstance(module, AttentionDropout):
            module.drop = drop
    labels = torch.tensor([1, 0], dtype=dtype)
    logits = classifier(image)
    loss = functional.binary_cross_entropy_with_logits(logits, labels)
    loss.backward()
    optimizer = torch.optim.Adam(classifier.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    gradients = {name: summary(parameter.grad) for name, parameter in classifier.named_parameters()}
    optimizer.step()
    after = dict(classifier.named_parameters())
    return {
        "labels": [1, 0],
        "logits": numbers(logits),
        "loss": loss.item(),
        "grads": gradients,
        "running_mean_bn1": numbers(classifier.bn1.running_mean[:8]),
        "running_var_bn1": numbers(classifier.bn1.running_var[:8]),
        "after_adam_step": {name: summary(after[name]) for name in REPORTED_AFTER_STEP},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path, help="directory to write")
    parser.add_argument("--tag", required=True, help="begins the names of the inputs")
    parser.add_argument("--double", action="store_true", help="compute in float64")
    options = parser.parse_args()
    dtype = torch.float64 if options.double else torch.float32
    frequencies = uniform(f"{options.tag}/hf", (2, 3, 48, 64), 0, 1).to(dtype)
    image = uniform(f"{options.tag}/image", (2, 3, 128, 128), 0, 1).to(dtype)
    map_ = high_frequency(frequencies)
    with torch.no_grad():
        logits = filled_classifier(dtype).eval()(image)
    golden = {
        "tag": options.tag,
        "high_frequency": {
            "input": f'uniform("{options.tag}/hf",[2,3,48,64],0,1)',
            "output": summary(map_),
            "row": numbers(map_[1, 2, 7]),
        },
        "classifier_eval": {
            "input": f'uniform("{options.tag}/image",[2,3,128,128],0,1)',
            "logits": numbers(logits),
        },
        "classifier_train_drop_mask": training_section(image, True, dtype),
        "classifier_train_importance_map": training_section(image, False, dtype),
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "golden.json").write_text(json.dumps(golden, indent=1))


if __name__ == "__main__":
    main()
