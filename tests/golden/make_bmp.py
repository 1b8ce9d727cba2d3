#!/usr/bin/env python3
"""Writes bmp.safetensors: BMP files of every kind and the pixels of Pillow's Image.open(file).convert("RGB").

Needs pillow, numpy and safetensors. Case NAME is the tensors "NAME.file", uint8 (bytes), and "NAME.rgb", uint8 (H, W, 3).
"""
import io
import pathlib
import struct

import numpy as np
import PIL
from PIL import Image
from safetensors.numpy import save_file

W, H = 13, 5
HEADERS = (12, 40, 52, 56, 64, 108, 124)
MASKS = {  # name: bits, red, green, blue, alpha
    "565": (16, 0xF800, 0x7E0, 0x1F, 0), "555": (16, 0x7C00, 0x3E0, 0x1F, 0), "888": (24, 0xFF0000, 0xFF00, 0xFF, 0),
    "xrgb": (32, 0xFF0000, 0xFF00, 0xFF, 0), "rgbx": (32, 0xFF000000, 0xFF0000, 0xFF00, 0),
    "argb": (32, 0xFF0000, 0xFF00, 0xFF, 0xFF000000), "abgr": (32, 0xFF, 0xFF00, 0xFF0000, 0xFF000000),
    "rgba": (32, 0xFF000000, 0xFF0000, 0xFF00, 0xFF),
}

rng = np.random.default_rng(6666)


def bmp(header, bits, top_first=False, masks=None, colours=None, gap=0):
    """A file of random pixels. `colours`, the number of palette entries that the header states, may be fewer than the
    bits allow, or be given for true colour; `gap` is the number of bytes between palette and pixels."""
    stated = colours or 0
    if bits <= 8:
        colours = colours or 1 << bits
    palette = b"".join(rng.bytes(3) + b"\0" * (header != 12) for _ in range(colours or 0))
    rows = b""
    for _ in range(H):
        levels = rng.integers(0, colours, W) if bits <= 8 else rng.integers(0, 256, W * bits // 8)
        row = np.packbits((levels[:, None] >> np.arange(min(bits, 8))[::-1]) & 1).tobytes()
        rows += row + b"\0" * (-len(row) % 4)
    head = struct.pack("<I", header)
    if header == 12:
        head += struct.pack("<HHHH", W, H, 1, bits)
    else:
        head += struct.pack("<iiHHIIiiII", W, -H if top_first else H, 1, bits, 3 if masks else 0, len(rows), 2835, 2835,
                            stated, 0)
        if masks:  # after a header of 40 bytes, inside a longer one
            head += struct.pack("<III", *masks[:3]) + (struct.pack("<I", masks[3]) if header > 52 else b"")
        head = head.ljust(header, b"\0")
    start = 14 + len(head) + len(palette) + gap
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + head + palette + b"\0" * gap + rows


files = {}
for header in HEADERS:
    for bits in (1, 4, 8, 24) if header == 12 else (1, 4, 8, 16, 24, 32):
        files[f"{header}_{bits}"] = bmp(header, bits)
for header in (40, 56, 124):
    for name, (bits, *masks) in MASKS.items():
        if not (header == 40 and masks[3]):
            files[f"{header}_masks_{name}"] = bmp(header, bits, masks=masks)
for bits in (1, 4, 8, 16, 24, 32):
    files[f"40_{bits}_top_first"] = bmp(40, bits, top_first=True)
for bits in (16, 24, 32):
    files[f"40_{bits}_optional_palette"] = bmp(40, bits, colours=7)
files["40_masks_optional_palette"] = bmp(40, 16, masks=MASKS["565"][1:], colours=7)
for bits, colours in ((1, 1), (4, 11), (8, 16), (8, 256)):
    files[f"40_{bits}_{colours}_colours"] = bmp(40, bits, colours=colours)
files["40_8_gap"], files["12_4_gap"] = bmp(40, 8, colours=20, gap=10), bmp(12, 4, gap=7)

tensors = {}
for name, file in files.items():
    tensors[f"{name}.file"] = np.frombuffer(file, np.uint8)
    tensors[f"{name}.rgb"] = np.asarray(Image.open(io.BytesIO(file)).convert("RGB")).copy()
save_file(tensors, pathlib.Path(__file__).with_name("bmp.safetensors"), {"pillow": PIL.__version__})
