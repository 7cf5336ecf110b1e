"""PyTorch's side of bench/training.ts and bench/encoder.ts: the same work on the same shapes, with random weights.

Reads one command a line ("step" or "memory") and answers each with one line of JSON. Run by them:
    python3 bench/pytorch-baseline.py SECTION THREADS
"""

import functools
import json
import math
import pathlib
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

# The models that parity is proven with are the baseline too.
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "scripts" / "parity"))
from classifier_reference import Classifier
from vit_reference import deterministic_weights, encode, full_size

WIDTH, HEADS, POINTS, PATCH, SAM_INPUT = 256, 8, 50, 512, 1024
SMOOTHING = 1e-3


# The patch classifier.


def classifier_step(batch, size):
    model = Classifier().train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-5, weight_decay=1e-3)
    images = torch.rand(batch, 3, size, size)
    labels = (torch.arange(batch) % 2).float()

    def step():
        optimizer.zero_grad(set_to_none=True)
        F.binary_cross_entropy_with_logits(model(images), labels).backward()
        optimizer.step()

    return step


def activation_map(module_of):
    """The class activation map of one patch: four passes, one for each right-angle rotation."""
    model = Classifier().eval()
    image = torch.rand(1, 3, PATCH, PATCH)
    features = {}
    module_of(model).register_forward_hook(lambda _module, _inputs, output: features.update(last=output))

    @torch.no_grad()
    def step():
        maps = []
        for turns in range(4):
            model(torch.rot90(image, turns, (2, 3)).contiguous())
            cam = F.relu(torch.einsum("c,nchw->nhw", model.fc.weight[0], features["last"]))
            cam = (cam - cam.min()) / (cam.max() - cam.min() + 1e-9)
            levels = (cam * 255).to(torch.uint8).float()
            maps.append(torch.rot90(levels, -turns, (1, 2)))
        return torch.stack(maps).mean(0)

    return step


# EfficientNet-Lite0 to stride 16, batch statistics frozen.


class SameConv2d(nn.Conv2d):
    """TensorFlow's "same" padding: of an odd number of zeros the last goes after."""

    def forward(self, x):
        def zeros(length):
            kernel, stride = self.kernel_size[0], self.stride[0]
            total = max((math.ceil(length / stride) - 1) * stride + kernel - length, 0)
            return total // 2, total - total // 2

        return super().forward(F.pad(x, (*zeros(x.shape[3]), *zeros(x.shape[2]))))


class LiteBlock(nn.Module):
    def __init__(self, inputs, kernel, stride, expansion, outputs):
        super().__init__()
        width = inputs * expansion
        # Where nothing is left over, the convolution pads itself: PyTorch is fastest then.
        padded = functools.partial(nn.Conv2d, padding=kernel // 2) if stride == 1 else SameConv2d
        self.residual = stride == 1 and inputs == outputs
        self.expand = nn.Sequential()
        if expansion > 1:
            self.expand = nn.Sequential(nn.Conv2d(inputs, width, 1, bias=False), norm(width), relu6())
        self.rest = nn.Sequential(
            padded(width, width, kernel, stride, groups=width, bias=False),
            norm(width),
            relu6(),
            nn.Conv2d(width, outputs, 1, bias=False),
            norm(outputs),
        )

    def forward(self, x):
        y = self.rest(self.expand(x))
        return x + y if self.residual else y


def norm(channels):
    return nn.BatchNorm2d(channels, eps=1e-3)


def relu6():
    return nn.ReLU6(inplace=True)


class EfficientNetLite0(nn.Module):
    """Kernel, stride, expansion and outputs of each block."""

    BLOCKS = [
        (3, 1, 1, 16),
        (3, 2, 6, 24),
        (3, 1, 6, 24),
        (5, 2, 6, 40),
        (5, 1, 6, 40),
        (3, 2, 6, 80),
        (3, 1, 6, 80),
        (3, 1, 6, 80),
        (5, 1, 6, 112),
        (5, 1, 6, 112),
        (5, 1, 6, 112),
    ]
    LEVEL_ENDS = (2, 4, 10)

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(SameConv2d(3, 32, 3, 2, bias=False), norm(32), relu6())
        inputs = [32] + [block[-1] for block in self.BLOCKS]
        self.blocks = nn.ModuleList(LiteBlock(*both) for both in zip(inputs, *zip(*self.BLOCKS)))

    def forward(self, x):
        x, levels = self.stem(x), []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self.LEVEL_ENDS:
                levels.append(x)
        return levels


def backbone_forward(batch, size):
    model = EfficientNetLite0().eval()
    images = torch.rand(batch, 3, size, size) * 255

    @torch.inference_mode()
    def step():
        model((images - 127) / 128)

    return step


def backbone_step(batch, size):
    model = EfficientNetLite0().eval()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-5)
    images = torch.rand(batch, 3, size, size) * 255

    def step():
        optimizer.zero_grad(set_to_none=True)
        sum(level.square().mean() for level in model((images - 127) / 128)).backward()
        optimizer.step()

    return step


class FeaturePyramid(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.laterals = nn.ModuleList(nn.Conv2d(channels, width, 1) for channels in (24, 40, 112))
        self.smooth = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(4))
        self.logits = nn.Conv2d(width, 1, 1)

    def forward(self, levels):
        fine, middle, coarse = (lateral(level) for lateral, level in zip(self.laterals, levels))
        x = F.relu(self.smooth[1](F.relu(self.smooth[0](F.relu(coarse)))))
        for level, smooth in ((middle, self.smooth[2]), (fine, self.smooth[3])):
            x = F.interpolate(x, level.shape[2:], mode="bilinear", align_corners=False)
            x = F.relu(smooth(level + x))
        return self.logits(x)[:, 0]


def pyramid_step(batch, size):
    backbone, pyramid = EfficientNetLite0().eval(), FeaturePyramid()
    return segmenter_step(backbone, pyramid, lambda images: pyramid(backbone(images)), batch, size, size // 4)


def segmenter_step(backbone, decoder, logits_of, batch, size, cells):
    """Cross-entropy with weights and Dice of all images together, as training has them."""
    groups = [{"params": decoder.parameters(), "lr": 1e-3}, {"params": backbone.parameters(), "lr": 2e-4}]
    optimizer = torch.optim.AdamW(groups, weight_decay=1e-4)
    images = torch.rand(batch, 3, size, size) * 255
    targets = (torch.rand(batch, cells, cells) > 0.5).float()
    weights = torch.rand(batch, cells, cells)

    def step():
        optimizer.zero_grad(set_to_none=True)
        logits = logits_of((images - 127) / 128)
        errors = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
        prediction = torch.sigmoid(logits) * weights
        intersection, total = (prediction * targets).sum(), prediction.sum() + (targets * weights).sum()
        dice = (2 * intersection + 1) / (total + 1)
        ((errors * weights).sum() / weights.sum() + 0.5 * (1 - dice)).backward()
        optimizer.step()

    return step


# SAM's prompt encoder (frozen) and mask decoder (trained), for a batch of images with one prompt set each.


class LayerNorm2d(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        centred = x - x.mean(1, keepdim=True)
        normal = centred / torch.sqrt(centred.pow(2).mean(1, keepdim=True) + 1e-6)
        return self.weight[:, None, None] * normal + self.bias[:, None, None]


class Perceptron(nn.Module):
    def __init__(self, *widths):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(widths, widths[1:]))

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return self.layers[-1](x)


class Attention(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(WIDTH, inner) for _ in range(3))
        self.out = nn.Linear(inner, WIDTH)

    def forward(self, queries, keys, values):
        def heads(x):
            return x.unflatten(-1, (HEADS, -1)).transpose(1, 2)

        q, k, v = heads(self.q(queries)), heads(self.k(keys)), heads(self.v(values))
        weights = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), -1)
        return self.out((weights @ v).transpose(1, 2).flatten(2))


class TwoWayBlock(nn.Module):
    def __init__(self, first):
        super().__init__()
        self.first = first
        self.self_attention = Attention(WIDTH)
        self.token_to_image, self.image_to_token = Attention(WIDTH // 2), Attention(WIDTH // 2)
        self.mlp = Perceptron(WIDTH, 2048, WIDTH)
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(4))

    def forward(self, tokens, image, token_positions, image_positions):
        if self.first:
            tokens = self.self_attention(tokens, tokens, tokens)
        else:
            located = tokens + token_positions
            tokens = tokens + self.self_attention(located, located, tokens)
        tokens = self.norms[0](tokens)
        seen = self.token_to_image(tokens + token_positions, image + image_positions, image)
        tokens = self.norms[1](tokens + seen)
        tokens = self.norms[2](tokens + self.mlp(tokens))
        told = self.image_to_token(image + image_positions, tokens + token_positions, tokens)
        return tokens, self.norms[3](image + told)


class MaskDecoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.output_tokens = nn.Parameter(torch.randn(5, WIDTH))
        self.blocks = nn.ModuleList([TwoWayBlock(True), TwoWayBlock(False)])
        self.final_attention, self.final_norm = Attention(WIDTH // 2), nn.LayerNorm(WIDTH)
        self.upscaling = nn.Sequential(
            nn.ConvTranspose2d(WIDTH, WIDTH // 4, 2, 2),
            LayerNorm2d(WIDTH // 4),
            nn.GELU(),
            nn.ConvTranspose2d(WIDTH // 4, WIDTH // 8, 2, 2),
            nn.GELU(),
        )
        self.hypernetworks = nn.ModuleList(Perceptron(WIDTH, WIDTH, WIDTH, WIDTH // 8) for _ in range(4))
        self.quality = Perceptron(WIDTH, WIDTH, WIDTH, 4)

    def forward(self, embedding, positions, sparse, dense, half=0, full=0):
        """Features of half and of the full resolution are added inside the upscaling, as in SAM 2."""
        batch = embedding.shape[0]
        start = torch.cat([self.output_tokens.expand(batch, -1, -1), sparse], 1)
        tokens, image = start, (embedding + dense).flatten(2).transpose(1, 2)
        for block in self.blocks:
            tokens, image = block(tokens, image, start, positions)
        attended = self.final_attention(tokens + start, image + positions, image)
        tokens = self.final_norm(tokens + attended)
        first, normal, active, second, last = self.upscaling
        upscaled = active(normal(first(image.transpose(1, 2).reshape(batch, WIDTH, 64, 64)) + half))
        upscaled = last(second(upscaled) + full)
        filters = torch.stack([net(tokens[:, 1 + i]) for i, net in enumerate(self.hypernetworks)], 1)
        masks = (filters @ upscaled.flatten(2)).view(batch, 4, 256, 256)
        return masks[:, :1], self.quality(tokens[:, 0])[:, :1]


class PromptEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("frequencies", torch.randn(2, WIDTH // 2))
        self.foreground, self.no_point, self.no_mask = (nn.Parameter(torch.randn(WIDTH)) for _ in range(3))

    def encoding(self, coordinates):
        phases = 2 * math.pi * ((2 * coordinates / SAM_INPUT - 1) @ self.frequencies)
        return torch.cat([phases.sin(), phases.cos()], -1)

    def positions(self):
        centres = (torch.arange(64) + 0.5) * (SAM_INPUT / 64)
        y, x = torch.meshgrid(centres, centres, indexing="ij")
        return self.encoding(torch.stack([x, y], -1)).flatten(0, 1)

    def forward(self, points):
        tokens = self.encoding(points + 0.5) + self.foreground
        padding = self.no_point.expand(points.shape[0], 1, -1)
        return torch.cat([tokens, padding], 1), self.no_mask.view(1, WIDTH, 1, 1)


def overlap_loss(logits, target):
    prediction, target = torch.sigmoid(logits).flatten(1), target.flatten(1)
    intersection = (prediction * target).sum(1)
    total = prediction.sum(1) + target.sum(1)
    dice = (2 * intersection + SMOOTHING) / (total + SMOOTHING)
    iou = (intersection + SMOOTHING) / (total - intersection + SMOOTHING)
    return (1 - dice).mean() + (1 - iou).mean()


def decoder_step(batch):
    prompts, decoder = PromptEncoder(), MaskDecoder().train()
    optimizer = torch.optim.AdamW(decoder.parameters(), lr=5e-6, weight_decay=1e-2)
    embedding = torch.randn(batch, WIDTH, 64, 64)
    points = torch.rand(batch, POINTS, 2) * SAM_INPUT
    target = (torch.rand(batch, PATCH, PATCH) > 0.5).float()

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            sparse, dense = prompts(points)
            positions = prompts.positions()
        masks, _quality = decoder(embedding, positions, sparse, dense)
        masks = F.interpolate(masks, (SAM_INPUT, SAM_INPUT), mode="bilinear", align_corners=False)
        masks = F.interpolate(masks, (PATCH, PATCH), mode="bilinear", align_corners=False)
        overlap_loss(masks[:, 0], target).backward()
        optimizer.step()

    return step


class SeeingDecoder(nn.Module):
    """SAM's decoder with a backbone's features and without a prompt."""

    WIDTHS = (WIDTH // 8, WIDTH // 4, WIDTH)

    def __init__(self):
        super().__init__()
        self.decoder = MaskDecoder()
        self.projections = nn.ModuleList(nn.Conv2d(*both, 1) for both in zip((24, 40, 112), self.WIDTHS))

    def forward(self, levels, embedding, prompts, size):
        full, half, coarse = (
            F.interpolate(project(level), (side, side), mode="bilinear", align_corners=False)
            for project, level, side in zip(self.projections, levels, (256, 128, 64))
        )
        with torch.no_grad():
            positions, dense = prompts.positions(), prompts.no_mask.view(1, WIDTH, 1, 1)
        nothing = embedding.new_zeros(len(embedding), 0, WIDTH)
        masks, _quality = self.decoder(embedding + coarse, positions, nothing, dense, half, full)
        masks = F.interpolate(masks, (SAM_INPUT, SAM_INPUT), mode="bilinear", align_corners=False)
        return F.interpolate(masks, (size, size), mode="bilinear", align_corners=False)[:, 0]


def seeing_decoder_step(batch, size):
    backbone, decoder, prompts = EfficientNetLite0().eval(), SeeingDecoder().train(), PromptEncoder()
    embedding = torch.randn(batch, WIDTH, 64, 64)

    def logits(images):
        return decoder(backbone(images), embedding, prompts, size)

    return segmenter_step(backbone, decoder, logits, batch, size, size)


def image_encoder(variant):
    """SAM's image encoder as in the fixtures of scripts/parity."""
    model = full_size(variant)
    weights = deterministic_weights(model)
    image = torch.rand(1, 3, SAM_INPUT, SAM_INPUT)
    return lambda: encode(model, weights, image)


SECTIONS = {
    "classifier-512": lambda: classifier_step(4, 512),
    "classifier-256": lambda: classifier_step(16, 256),
    "cam": lambda: activation_map(lambda model: model.layer4[0]),
    "cam-last": lambda: activation_map(lambda model: model.layer4[3]),
    "backbone-forward": lambda: backbone_forward(4, 416),
    "backbone-step": lambda: backbone_step(4, 416),
    "pyramid": lambda: pyramid_step(2, 416),
    "decoder-features": lambda: seeing_decoder_step(2, 416),
    "decoder": lambda: decoder_step(4),
    **{variant: functools.partial(image_encoder, variant) for variant in ("vit-b", "vit-l", "vit-h")},
}


def peak_bytes():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def answer(**values):
    print(json.dumps(values), flush=True)


def main():
    section, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    step = SECTIONS[section]()
    answer(ready=True, version=torch.__version__)
    for command in sys.stdin:
        if command.strip() == "memory":
            answer(peakBytes=peak_bytes())
            continue
        start, used = time.perf_counter(), time.process_time()
        step()
        answer(seconds=time.perf_counter() - start, coreSeconds=time.process_time() - used)


main()
