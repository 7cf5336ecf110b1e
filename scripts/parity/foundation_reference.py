"""Vision transformers of timm and transformers with random weights: state dicts in several formats, one picture and the
maps of its tokens, for scripts/parity/foundation.ts.

    python foundation_reference.py DIRECTORY          every family at full width, two blocks
    python foundation_reference.py DIRECTORY --tiny   one small model of each kind, for test/models/foundation
"""

import json
import pathlib
import sys
import tempfile

import numpy as np
import timm
import torch
import transformers
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from transformers import Dinov2Config, Dinov2Model, Dinov2WithRegistersConfig, Dinov2WithRegistersModel
from transformers import ViTConfig, ViTModel

MEAN = torch.tensor([0.707223, 0.578729, 0.703617]).view(1, 3, 1, 1)
DEVIATION = torch.tensor([0.211883, 0.230117, 0.177517]).view(1, 3, 1, 1)
SWIGLU = dict(mlp_layer=timm.layers.SwiGLUPacked, act_layer=torch.nn.SiLU)


def timm_model(**arguments):
    return timm.models.VisionTransformer(num_classes=0, dynamic_img_size=True, **arguments)


def timm_of(width, heads, patch, size=224, **more):
    return lambda depth: timm_model(
        img_size=size, patch_size=patch, embed_dim=width, depth=depth, num_heads=heads, **more
    )


def dinov2_of(width, heads, patch, size, registers=0, swiglu=False):
    common = dict(
        hidden_size=width,
        num_attention_heads=heads,
        patch_size=patch,
        image_size=size,
        use_swiglu_ffn=swiglu,
    )
    if registers:
        return lambda depth: Dinov2WithRegistersModel(
            Dinov2WithRegistersConfig(num_hidden_layers=depth, num_register_tokens=registers, **common)
        )
    return lambda depth: Dinov2Model(Dinov2Config(num_hidden_layers=depth, **common))


def vit_of(width, heads, patch, hidden, size=224):
    return lambda depth: ViTModel(
        ViTConfig(
            hidden_size=width,
            num_attention_heads=heads,
            patch_size=patch,
            intermediate_size=hidden,
            image_size=size,
            num_hidden_layers=depth,
        ),
        add_pooling_layer=False,
    )


LAYER_SCALE = dict(init_values=1e-5)
GIANT = dict(**LAYER_SCALE, **SWIGLU, mlp_ratio=2.66667 * 2)
HUGE = dict(**LAYER_SCALE, **SWIGLU, mlp_ratio=5.3375)
PLACELESS = dict(no_embed_class=True)

FULL = {
    "uni": ("safetensors", timm_of(1024, 16, 16, **LAYER_SCALE)),
    "uni2-h": ("bin", timm_of(1536, 24, 14, reg_tokens=8, **PLACELESS, **GIANT)),
    "virchow": ("safetensors", timm_of(1280, 16, 14, **HUGE)),
    "virchow2": ("parts", timm_of(1280, 16, 14, reg_tokens=4, **HUGE)),
    "h-optimus-0": ("safetensors", timm_of(1536, 24, 14, reg_tokens=4, **PLACELESS, **GIANT)),
    "prov-gigapath": ("bin", timm_of(1536, 24, 16, **GIANT)),
    "kaiko-vits8": ("safetensors", timm_of(384, 6, 8)),
    "kaiko-vits16": ("safetensors", timm_of(384, 6, 16)),
    "kaiko-vitb16": ("pth", timm_of(768, 12, 16)),
    "kaiko-vitl14": ("safetensors", timm_of(1024, 16, 14, 518, reg_tokens=4, **PLACELESS, **LAYER_SCALE)),
    "dinov2-s": ("pth", timm_of(384, 6, 14, 518, **LAYER_SCALE)),
    "dinov2-s-original": ("original", timm_of(384, 6, 14, 518, **LAYER_SCALE)),
    "dinov2-g-original": ("original", timm_of(1536, 24, 14, 518, **GIANT)),
    "dinov2-b-transformers": ("safetensors", dinov2_of(768, 12, 14, 518)),
    "phikon": ("bin", vit_of(768, 12, 16, 3072)),
    "phikon-v2": ("safetensors", dinov2_of(1024, 16, 16, 224)),
    "midnight": ("safetensors", dinov2_of(1536, 24, 14, 224, swiglu=True)),
    "hibou-b": ("bin", dinov2_of(768, 12, 14, 224, registers=4, swiglu=True)),
    "hibou-l": ("safetensors", dinov2_of(1024, 16, 14, 224, registers=4, swiglu=True)),
}

TINY = {
    "timm": ("safetensors", timm_of(12, 3, 4, 16, mlp_ratio=2)),
    "timm-registers": ("safetensors", timm_of(12, 2, 4, 16, reg_tokens=2, mlp_ratio=2, **SWIGLU, **LAYER_SCALE)),
    "timm-placeless": ("safetensors", timm_of(8, 2, 4, 16, reg_tokens=3, mlp_ratio=2, **PLACELESS, **LAYER_SCALE)),
    "timm-pre-norm": ("safetensors", timm_of(8, 2, 4, 16, mlp_ratio=2, pre_norm=True, qkv_bias=False)),
    "original": ("original", timm_of(8, 2, 4, 16, mlp_ratio=2, **SWIGLU, **LAYER_SCALE)),
    "dinov2": ("parts", dinov2_of(8, 2, 4, 16)),
    "dinov2-registers": ("bin", dinov2_of(8, 2, 4, 16, registers=2, swiglu=True)),
    "hibou": ("safetensors", dinov2_of(8, 2, 4, 16, registers=2, swiglu=True)),
    "vit": ("safetensors", vit_of(8, 2, 4, 12, 16)),
}


def fill(model, generator):
    """Weights of trained models' magnitude: fresh ones make every block nearly the identity."""
    for name, tensor in model.state_dict().items():
        if tensor.ndim == 1:
            is_weight = name.endswith(("weight", "gamma", "lambda1"))
            tensor.uniform_(0.5, 1.5, generator=generator) if is_weight else tensor.uniform_(
                -0.1, 0.1, generator=generator
            )
        elif tensor.ndim == 3:
            tensor.uniform_(-0.5, 0.5, generator=generator)
        else:
            fan = tensor.shape[0] + int(np.prod(tensor.shape[1:]))
            limit = (6 / fan) ** 0.5
            tensor.uniform_(-limit, limit, generator=generator)


def token_map(model, images):
    """The normalised tokens of the image, [N, width, rows, columns]."""
    rows, columns = images.shape[2] // patch_of(model), images.shape[3] // patch_of(model)
    if isinstance(model, timm.models.VisionTransformer):
        tokens = model.forward_features(images)
    elif isinstance(model, ViTModel):
        tokens = model(pixel_values=images, interpolate_pos_encoding=True).last_hidden_state
    else:
        tokens = model(pixel_values=images).last_hidden_state
    own = tokens[:, tokens.shape[1] - rows * columns :]
    return own.transpose(1, 2).reshape(images.shape[0], -1, rows, columns)


def patch_of(model):
    if isinstance(model, timm.models.VisionTransformer):
        return model.patch_embed.patch_size[0]
    return model.config.patch_size


def original_map(model, images):
    """As the original DINOv2 without registers: bicubic, not antialiased, with 0.1 added to the wanted sides."""
    rows, columns = images.shape[2] // patch_of(model), images.shape[3] // patch_of(model)
    learnt = model.pos_embed.detach().clone()
    side = int((learnt.shape[1] - 1) ** 0.5)
    if (rows, columns) != (side, side):
        grid = learnt[:, 1:].reshape(1, side, side, -1).permute(0, 3, 1, 2)
        scale = ((rows + 0.1) / side, (columns + 0.1) / side)
        grid = F.interpolate(grid, scale_factor=scale, mode="bicubic")
        assert grid.shape[2:] == (rows, columns)
        positions = torch.cat([learnt[:, :1], grid.permute(0, 2, 3, 1).reshape(1, rows * columns, -1)], 1)
    else:
        positions = learnt
    x = model.patch_embed.proj(images).flatten(2).transpose(1, 2)
    x = torch.cat([model.cls_token, x], 1) + positions
    x = model.norm(model.blocks(x))
    return x[:, 1:].transpose(1, 2).reshape(1, -1, rows, columns)


def original_names(state):
    """The names of the original DINOv2, with the blocks in chunks."""
    renamed = {"mask_token": torch.zeros(1, state["cls_token"].shape[2])}
    for name, tensor in state.items():
        parts = name.split(".")
        if parts[0] == "blocks":
            parts[1] = f"{int(parts[1]) // 2}.{parts[1]}"
        text = ".".join(parts)
        if is_gated(state):
            text = text.replace("mlp.fc1", "mlp.w12").replace("mlp.fc2", "mlp.w3")
        renamed[text] = tensor
    return renamed


def is_gated(state):
    return state["blocks.0.mlp.fc2.weight"].shape[1] * 2 == state["blocks.0.mlp.fc1.weight"].shape[0]


def state_of(model, kind):
    """Under the names of published files, or for `bin` under those that transformers 5 has in memory."""
    if kind == "bin" or isinstance(model, timm.models.VisionTransformer):
        return model.state_dict()
    with tempfile.TemporaryDirectory() as directory:
        model.save_pretrained(directory)
        return load_file(pathlib.Path(directory) / "model.safetensors")


def save(directory, name, kind, state):
    state = {key: tensor.detach().clone().contiguous() for key, tensor in state.items()}
    if kind == "parts":
        keys = list(state)
        files = [f"{name}-{index + 1:05}-of-00002.safetensors" for index in range(2)]
        halves = [keys[::2], keys[1::2]]
        for file, own in zip(files, halves):
            save_file({key: state[key] for key in own}, directory / file)
        places = {key: file for file, own in zip(files, halves) for key in own}
        index = directory / f"{name}.safetensors.index.json"
        index.write_text(json.dumps({"metadata": {}, "weight_map": places}))
        return index.name
    if kind == "safetensors":
        save_file(state, directory / f"{name}.safetensors")
        return f"{name}.safetensors"
    if kind == "original":
        torch.save(original_names(state), directory / f"{name}.pth")
        return f"{name}.pth"
    torch.save(state, directory / f"{name}.{kind}")
    return f"{name}.{kind}"


def main():
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    is_tiny = "--tiny" in sys.argv
    sizes = [(16, 16), (24, 12)] if is_tiny else [(224, 224), (336, 448)]
    wanted = [argument for argument in sys.argv[2:] if not argument.startswith("--")]
    torch.set_num_threads(2)
    described = []
    for name, (kind, make) in (TINY if is_tiny else FULL).items():
        if wanted and name not in wanted:
            continue
        model = make(3 if name == "timm" else 2).eval()
        generator = torch.Generator().manual_seed(7)
        fill(model, generator)
        file = save(directory, name, kind, state_of(model, kind))
        maps = []
        for rows, columns in sizes:
            image = torch.randint(0, 256, (1, 3, rows, columns), generator=generator).float()
            images = (image / 255 - MEAN) / DEVIATION
            with torch.no_grad():
                result = original_map(model, images) if kind == "original" else token_map(model, images)
            maps.append({"image": image.to(torch.uint8), "map": result.contiguous()})
        save_file(
            {f"{part}-{index}": tensor[part].contiguous() for index, tensor in enumerate(maps) for part in ("image", "map")},
            directory / f"{name}.expected.safetensors",
        )
        described.append({"name": name, "file": file})
        print(name, file, flush=True)
    versions = {"torch": torch.__version__, "timm": timm.__version__, "transformers": transformers.__version__}
    (directory / "models.json").write_text(json.dumps({"versions": versions, "models": described}))


main()
