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

import torch
from torch.nn import functional

from classifier_reference import AttentionDropout, Classifier, high_frequency
from deterministic_fill import uniform

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
