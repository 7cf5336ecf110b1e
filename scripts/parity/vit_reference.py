"""SAM's image encoder (ViT-B, ViT-L, ViT-H) in PyTorch, written from the published architecture, with the
deterministic weights that the TypeScript side makes from the same names.

Kirillov et al., "Segment Anything" (2023), section 3 and appendix A; Li et al., "Exploring Plain Vision Transformer
Backbones for Object Detection" (2022): window attention with a few global blocks, decomposed relative positions.
"""

import numpy as np
import torch
import torch.nn.functional as F

from deterministic_fill import uniform

PATCH = 16
NORM_EPSILON = 1e-6

VARIANTS = {
    "vit-b": dict(width=768, depth=12, heads=12, global_blocks=(2, 5, 8, 11)),
    "vit-l": dict(width=1024, depth=24, heads=16, global_blocks=(5, 11, 17, 23)),
    "vit-h": dict(width=1280, depth=32, heads=16, global_blocks=(7, 15, 23, 31)),
}


def fill(name, shape):
    """The weight of a state-dict name: norms near one, positions and biases small, the rest by Xavier's rule."""
    if name.endswith("pos_embed") or ".rel_pos_" in name:
        return uniform(name, shape, -0.5, 0.5)
    if len(shape) == 1:
        return uniform(name, shape, 0.5, 1.5) if name.endswith("weight") else uniform(name, shape, -0.1, 0.1)
    area = int(np.prod(shape[2:]))
    limit = float(np.sqrt(6.0 / ((shape[0] + shape[1]) * area)))
    return uniform(name, shape, -limit, limit)


def tensor_shapes(model):
    """Names and shapes of the encoder's state dict; `relative` gives the table length of each kind of block."""
    width, tokens, out = model["width"], model["grid"], model["out"]
    head = width // model["heads"]
    shapes = {
        "pos_embed": (1, tokens, tokens, width),
        "patch_embed.proj.weight": (width, 3, PATCH, PATCH),
        "patch_embed.proj.bias": (width,),
        "neck.0.weight": (out, width, 1, 1),
        "neck.1.weight": (out,),
        "neck.1.bias": (out,),
        "neck.2.weight": (out, out, 3, 3),
        "neck.3.weight": (out,),
        "neck.3.bias": (out,),
    }
    for index in range(model["depth"]):
        is_global = index in model["global_blocks"]
        length = model["relative"]["global" if is_global else "window"]
        block = {
            "norm1.weight": (width,),
            "norm1.bias": (width,),
            "attn.rel_pos_h": (length, head),
            "attn.rel_pos_w": (length, head),
            "attn.qkv.weight": (3 * width, width),
            "attn.qkv.bias": (3 * width,),
            "attn.proj.weight": (width, width),
            "attn.proj.bias": (width,),
            "norm2.weight": (width,),
            "norm2.bias": (width,),
            "mlp.lin1.weight": (4 * width, width),
            "mlp.lin1.bias": (4 * width,),
            "mlp.lin2.weight": (width, 4 * width),
            "mlp.lin2.bias": (width,),
        }
        shapes.update({f"blocks.{index}.{name}": shape for name, shape in block.items()})
    return shapes


def full_size(variant):
    """A published variant at 1024 x 1024 pixels."""
    return dict(
        VARIANTS[variant], grid=64, window=14, out=256, relative=dict(window=2 * 14 - 1, **{"global": 2 * 64 - 1})
    )


def deterministic_weights(model):
    return {
        f"image_encoder.{name}": fill(f"image_encoder.{name}", shape)
        for name, shape in tensor_shapes(model).items()
    }


def relative_positions(size, table):
    """Rows of the table for each pair of positions; a table of another length is interpolated first."""
    length = 2 * size - 1
    if table.shape[0] != length:
        table = F.interpolate(table.T[None], size=length, mode="linear")[0].T
    positions = torch.arange(size)
    return table[positions[:, None] - positions[None, :] + size - 1]


def attention(weights, x, heads):
    """Multi-head attention over [windows, height, width, channels] with decomposed relative positions."""
    windows, height, width, channels = x.shape
    qkv = F.linear(x, weights["attn.qkv.weight"], weights["attn.qkv.bias"])
    qkv = qkv.reshape(windows, height * width, 3, heads, channels // heads).permute(2, 0, 3, 1, 4)
    q, k, v = qkv.reshape(3, windows * heads, height * width, channels // heads)
    scores = (q * (channels // heads) ** -0.5) @ k.transpose(-2, -1)
    grid = q.reshape(windows * heads, height, width, -1)
    rows = torch.einsum("bhwc,hkc->bhwk", grid, relative_positions(height, weights["attn.rel_pos_h"]))
    columns = torch.einsum("bhwc,wkc->bhwk", grid, relative_positions(width, weights["attn.rel_pos_w"]))
    scores = scores.view(-1, height, width, height, width)
    scores = (scores + rows[..., :, None] + columns[..., None, :]).view(-1, height * width, height * width)
    attended = (scores.softmax(-1) @ v).view(windows, heads, height, width, -1)
    joined = attended.permute(0, 2, 3, 1, 4).reshape(windows, height, width, channels)
    return F.linear(joined, weights["attn.proj.weight"], weights["attn.proj.bias"])


def split_windows(x, size):
    """[1, H, W, C] padded with zeros to whole windows, as [windows, size, size, C]; and the padded height, width."""
    _, height, width, channels = x.shape
    x = F.pad(x, (0, 0, 0, -width % size, 0, -height % size))
    rows, columns = x.shape[1] // size, x.shape[2] // size
    x = x.view(rows, size, columns, size, channels).permute(0, 2, 1, 3, 4)
    return x.reshape(-1, size, size, channels), rows, columns


def join_windows(x, rows, columns, height, width):
    size, channels = x.shape[1], x.shape[3]
    x = x.view(rows, columns, size, size, channels).permute(0, 2, 1, 3, 4)
    return x.reshape(1, rows * size, columns * size, channels)[:, :height, :width]


def norm2d(weights, name, x):
    """Layer normalisation over the channels of [N, C, H, W]."""
    normal = F.layer_norm(
        x.permute(0, 2, 3, 1), x.shape[1:2], weights[f"{name}.weight"], weights[f"{name}.bias"], NORM_EPSILON
    )
    return normal.permute(0, 3, 1, 2)


@torch.no_grad()
def encode(model, all_weights, image, prefix="image_encoder."):
    """[1, 3, 16 grid, 16 grid] -> [1, out, grid, grid]."""
    weights = {name[len(prefix) :]: value for name, value in all_weights.items()}
    patches = F.conv2d(image, weights["patch_embed.proj.weight"], weights["patch_embed.proj.bias"], stride=PATCH)
    x = patches.permute(0, 2, 3, 1) + weights["pos_embed"]
    for index in range(model["depth"]):
        start = f"blocks.{index}."
        block = {name[len(start) :]: value for name, value in weights.items() if name.startswith(start)}

        def norm(name, value):
            return F.layer_norm(value, value.shape[-1:], block[f"{name}.weight"], block[f"{name}.bias"], NORM_EPSILON)

        y = norm("norm1", x)
        if index in model["global_blocks"]:
            x = x + attention(block, y, model["heads"])
        else:
            windows, rows, columns = split_windows(y, model["window"])
            attended = attention(block, windows, model["heads"])
            x = x + join_windows(attended, rows, columns, *x.shape[1:3])
        hidden = F.gelu(F.linear(norm("norm2", x), block["mlp.lin1.weight"], block["mlp.lin1.bias"]))
        x = x + F.linear(hidden, block["mlp.lin2.weight"], block["mlp.lin2.bias"])
    y = F.conv2d(x.permute(0, 3, 1, 2), weights["neck.0.weight"])
    y = F.conv2d(norm2d(weights, "neck.1", y), weights["neck.2.weight"], padding=1)
    return norm2d(weights, "neck.3", y)
