"""Reads a DICOM whole-slide image without our code: pydicom for the frames, Pillow (libjpeg-turbo) for the pixels.

Usage: python3 dicom-reference.py FILE

Prints the SHA-256 of the RGB pixels of the whole image, and of a region that crosses frames and the border.
The frames of small_dicom.dcm are JFIF streams, which Pillow decodes as YCbCr whatever the attributes say.
The file does not state the order of its frames. They lie column by column: read row by row the picture is in pieces
(look at it), and the black padding of the lowest row of tiles, which is in every sixth frame, lies across the image.
OpenSlide 3.4, the one of Debian 12, does not open DICOM.
"""

import hashlib
import io
import sys
import warnings

import numpy
import pydicom
from PIL import Image
from pydicom.encaps import generate_pixel_data_frame

warnings.simplefilter("ignore")
data = pydicom.dcmread(sys.argv[1])
width, height = data.TotalPixelMatrixColumns, data.TotalPixelMatrixRows
rows = -(-height // data.Rows)
image = numpy.full((height, width, 3), 255, numpy.uint8)
for number, frame in enumerate(generate_pixel_data_frame(data.PixelData, int(data.NumberOfFrames))):
    column, row = divmod(number, rows)
    top, left = row * data.Rows, column * data.Columns
    pixels = numpy.asarray(Image.open(io.BytesIO(frame)).convert("RGB"))
    image[top : top + data.Rows, left : left + data.Columns] = pixels[: height - top, : width - left]
print("whole ", hashlib.sha256(image.tobytes()).hexdigest())
region = numpy.full((700, 900, 3), 255, numpy.uint8)
part = image[2300:3000, 2700:3600]
region[: part.shape[0], : part.shape[1]] = part
print("region", hashlib.sha256(region.tobytes()).hexdigest())
