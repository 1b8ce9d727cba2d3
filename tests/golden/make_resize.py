#!/usr/bin/env python3
"""Writes resize.safetensors: small pictures and the results of Pillow's Image.resize(size, Image.BILINEAR).

Needs pillow, numpy and safetensors. Case i is the tensors "i.x" and "i.y", both uint8 (H, W, 3).
"""
import pathlib

import numpy as np
import PIL
from PIL import Image
from safetensors.numpy import save_file

# (input width, height), (output width, height)
# Pillow 13 resizes the height first if it loses more than twice as many pixels as the width; a tie is among these.
CASES = [
    ((32, 32), (16, 16)), ((37, 23), (16, 16)), ((41, 27), (17, 19)), ((38, 44), (30, 28)), ((24, 40), (20, 20)), ((16, 16), (37, 23)), ((5, 7), (31, 3)),
    ((1, 1), (7, 5)), ((1, 1), (1, 1)), ((1, 40), (8, 9)), ((40, 1), (9, 8)), ((33, 12), (1, 1)), ((64, 48), (1, 33)),
    ((48, 32), (48, 15)), ((48, 32), (15, 32)), ((20, 20), (20, 20)), ((3, 2), (2, 3)), ((101, 3), (50, 6)),
]

rng = np.random.default_rng(6666)
tensors = {}
for i, ((iw, ih), (ow, oh)) in enumerate(CASES):
    if i % 3 == 0:  # noise over the whole range
        x = rng.integers(0, 256, (ih, iw, 3), dtype=np.uint8)
    elif i % 3 == 1:  # only black and white: the largest sums
        x = (rng.integers(0, 2, (ih, iw, 3)) * 255).astype(np.uint8)
    else:  # grey
        x = np.repeat(rng.integers(0, 256, (ih, iw, 1), dtype=np.uint8), 3, axis=2)
    y = np.asarray(Image.fromarray(x).resize((ow, oh), Image.BILINEAR))
    tensors[f"{i}.x"], tensors[f"{i}.y"] = x, np.ascontiguousarray(y)
save_file(tensors, pathlib.Path(__file__).with_name("resize.safetensors"), {"pillow": PIL.__version__})
