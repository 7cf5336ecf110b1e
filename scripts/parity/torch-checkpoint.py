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

from classifier_reference import Classifier


def classifier_logits(file, images, count, side):
    model = Classifier(18).eval()
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
