"""Reads regions with OpenSlide for the tests: a JSON request per line on stdin, length-prefixed answers on stdout.

A request is {"path", "describe": true} or {"path", "level", "x", "y", "width", "height"} as read_region takes
them, or {"path", "associated": name}, or {"encode": RGB bytes in base64, "width", "height", "subsampling"} for a
JPEG stream. The answer is 4 bytes of length (little-endian), then JSON for "describe" and errors, RGB bytes on a
white ground, or the stream.
"""

import base64
import io
import json
import struct
import sys

import openslide
from PIL import Image

slides = {}


def opened(path):
    if path not in slides:
        slides[path] = openslide.OpenSlide(path)
    return slides[path]


def describe(slide):
    return json.dumps(
        {
            "dimensions": slide.level_dimensions,
            "downsamples": slide.level_downsamples,
            "properties": dict(slide.properties),
            "associated": {name: image.size for name, image in slide.associated_images.items()},
        }
    ).encode()


def on_white(image):
    ground = Image.new("RGB", image.size, (255, 255, 255))
    ground.paste(image, mask=image.getchannel("A"))
    return ground.tobytes()


def encode(request):
    pixels = base64.b64decode(request["encode"])
    image = Image.frombytes("RGB", (request["width"], request["height"]), pixels)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=85, subsampling=request["subsampling"])
    return stream.getvalue()


def answer(request):
    if "encode" in request:
        return encode(request)
    slide = opened(request["path"])
    if request.get("describe"):
        return describe(slide)
    if "associated" in request:
        return on_white(slide.associated_images[request["associated"]])
    position = (request["x"], request["y"])
    size = (request["width"], request["height"])
    return on_white(slide.read_region(position, request["level"], size))


for line in sys.stdin:
    try:
        result = answer(json.loads(line))
    except Exception as failure:
        result = json.dumps({"error": str(failure)}).encode()
    sys.stdout.buffer.write(struct.pack("<I", len(result)) + result)
    sys.stdout.buffer.flush()
