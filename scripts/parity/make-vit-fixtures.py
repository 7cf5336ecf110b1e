"""Makes test/models/vit-fixtures.json: outputs of SAM's image encoder in PyTorch on deterministic weights and input.

    /usr/bin/python3 scripts/parity/make-vit-fixtures.py            the small models, seconds
    /usr/bin/python3 scripts/parity/make-vit-fixtures.py vit-b      and one of full size, about a minute
"""

import json
import pathlib
import sys

import numpy as np
import torch

from vit_reference import deterministic_weights, encode, full_size, uniform

FIXTURES = pathlib.Path(__file__).parents[2] / "test" / "models" / "vit-fixtures.json"

# Width, depth and grid small; windows of 3 on a grid of 8 (padded) or 6 (not padded); tables of another length.
SMALL = {
    "padded-windows": dict(
        width=24, depth=3, heads=2, global_blocks=(1,), grid=8, window=3, out=16, relative=dict(window=5, **{"global": 15})
    ),
    "whole-windows": dict(
        width=16, depth=2, heads=4, global_blocks=(1,), grid=6, window=3, out=8, relative=dict(window=5, **{"global": 11})
    ),
    "interpolated-positions": dict(
        width=16, depth=2, heads=2, global_blocks=(0,), grid=5, window=2, out=8, relative=dict(window=7, **{"global": 6})
    ),
}


def summary(name, model):
    """Shape, norm, sum and 64 values spread evenly over the output."""
    side = 16 * model["grid"]
    image = uniform(f"vit/{name}/image", (1, 3, side, side), -2, 2)
    output = encode(model, deterministic_weights(model), image).numpy().astype(np.float64).ravel()
    sampled = np.linspace(0, output.size - 1, 64).astype(int)
    return {
        "shape": [1, model["out"], model["grid"], model["grid"]],
        "l2": float(np.sqrt((output**2).sum())),
        "sum": float(output.sum()),
        "indices": sampled.tolist(),
        "values": [float(np.float32(output[index])) for index in sampled],
    }


def described(model):
    names = {"global_blocks": "globalBlocks", "relative": "relativeLengths"}
    return {names.get(key, key): value for key, value in model.items()}


def main():
    torch.set_num_threads(2)
    fixtures = json.loads(FIXTURES.read_text()) if FIXTURES.exists() else {"full": {}}
    fixtures["madeBy"] = f"scripts/parity/make-vit-fixtures.py, PyTorch {torch.__version__}, float32"
    fixtures["small"] = {
        name: {"model": described(model), "output": summary(name, model)} for name, model in SMALL.items()
    }
    for variant in sys.argv[1:]:
        fixtures["full"][variant] = summary(variant, full_size(variant))
    FIXTURES.write_text(json.dumps(fixtures, indent=1) + "\n")


main()
