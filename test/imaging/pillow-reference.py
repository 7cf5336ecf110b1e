"""Writes pillow-reference.json: SHA-256 of what Pillow 9.4.0 makes of a lattice of colours.

The operations are those torchvision 0.14 performs on PIL images (`functional_pil.py`).
Run with Debian's python3-pil: python3 test/imaging/pillow-reference.py
"""

import hashlib
import json
import pathlib

import numpy as np
from PIL import Image, ImageEnhance

# Every fifth red and green and every third blue level: 4472 x 52 pixels.
colours = [[r, g, b] for r in range(0, 256, 5) for g in range(0, 256, 5) for b in range(0, 256, 3)]
lattice = Image.fromarray(np.array(colours, dtype=np.uint8).reshape(52, 52 * 86, 3))


def digest(image):
    return hashlib.sha256(np.asarray(image).tobytes()).hexdigest()


def adjust_hue(image, turn):
    hue, saturation, value = image.convert("HSV").split()
    shifted = np.asarray(hue) + np.uint8(int(turn * 255) & 255)
    return Image.merge("HSV", (Image.fromarray(shifted, "L"), saturation, value)).convert("RGB")


reference = {
    "brightness": {f: digest(ImageEnhance.Brightness(lattice).enhance(f)) for f in (0, 0.8, 1, 1.17)},
    "contrast": {f: digest(ImageEnhance.Contrast(lattice).enhance(f)) for f in (0, 0.83, 1, 1.2)},
    "saturation": {f: digest(ImageEnhance.Color(lattice).enhance(f)) for f in (0, 0.81, 1, 1.19)},
    "hue": {t: digest(adjust_hue(lattice, t)) for t in (-0.5, -0.2, 0, 0.137, 0.5)},
    "greyscale": digest(Image.merge("RGB", [lattice.convert("L")] * 3)),
    "resize": {
        f"{name} {width}x{height}": digest(lattice.resize((width, height), getattr(Image, name.upper())))
        for name in ("bilinear", "bicubic", "lanczos")
        for width, height in ((300, 200), (700, 40), (4472, 60), (1, 1))
    },
    "resize box": {
        f"{name} {width}x{height} {' '.join(map(str, box))}": digest(
            lattice.resize((width, height), getattr(Image, name.upper()), box=box)
        )
        for name in ("bilinear", "lanczos")
        for width, height, box in (
            (512, 20, (100.25, 3.75, 1127.001, 43.9)),
            (300, 52, (0, 0, 300, 52)),
            (4472, 52, (0.5, 0, 4472, 52)),
            (128, 64, (4000.1, 20.3, 4100.9, 51.99)),
        )
    },
}
path = pathlib.Path(__file__).with_name("pillow-reference.json")
path.write_text(json.dumps(reference, indent=2) + "\n")
