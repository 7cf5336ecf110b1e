"""Reads regions of one slide with OpenSlide's C library on command, like worker.ts beside it.

The library is called directly, without the conversions of its Python package. Threads read together: ctypes
leaves Python's lock while the library works.
"""

import ctypes
import sys

from reading import serve

library = ctypes.CDLL("libopenslide.so.0")
library.openslide_open.restype = ctypes.c_void_p
library.openslide_get_error.restype = ctypes.c_char_p
library.openslide_get_error.argtypes = [ctypes.c_void_p]
library.openslide_read_region.argtypes = [
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_int64,
    ctypes.c_int64,
    ctypes.c_int32,
    ctypes.c_int64,
    ctypes.c_int64,
]

path, side, together = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
slide = library.openslide_open(path.encode())
if slide is None or library.openslide_get_error(slide):
    sys.exit("OpenSlide does not open " + path)


def read(corner):
    pixels = (ctypes.c_uint32 * (side * side))()
    library.openslide_read_region(slide, pixels, corner[0], corner[1], 0, side, side)
    # Red of the first pixel and blue of the last, as the other side sums them.
    return ((pixels[0] >> 16) & 255) + (pixels[side * side - 1] & 255)


serve(read, together)
