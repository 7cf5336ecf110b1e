"""Reads regions of one slide with fastslide on command, like worker.ts beside it, with a cache of the same size.

Threads read together: fastslide leaves Python's lock while it reads.
"""

import sys

import fastslide
from reading import serve

path, side, together = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
slide = fastslide.FastSlide.from_file_path(path, cache=32 * 2**20)


def read(corner):
    pixels = slide.read_region((corner[0], corner[1]), 0, (side, side)).numpy()
    return int(pixels[0, 0, 0]) + int(pixels[-1, -1, 2])


serve(read, together)
