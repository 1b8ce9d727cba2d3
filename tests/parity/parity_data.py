# The pictures of the parity run: PNG files of exactly 128x128 pixels, so that both sides read the same pixels.
import pathlib
import random
import shutil

import numpy
from PIL import Image

SIDE = 128
SPLITS = ("train", "valid", "test")


def label_of(path):
    """The class in `<label>_<id>.png`, -1 if the name has none."""
    head, underscore, _ = path.stem.partition("_")
    return int(head) if underscore and head.isdigit() else -1


def copy_split(source, target, count, draw):
    """Copies a random choice of a split's pictures, resized by Pillow as in torchvision's Resize, as lossless files."""
    files = sorted(p for p in source.iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png"))
    if not files:
        raise SystemExit(f"{source} holds no pictures; give --data a folder with train, valid and test.")
    for file in draw.sample(files, min(count, len(files))):
        with Image.open(file) as picture:
            resized = picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        resized.save(target / f"{file.stem}.png", compress_level=1)


def draw_split(target, count, labelled, draw):
    """Draws stripes with noise, for machines without a data set; direction, frequency and colour depend on the class. Half
    of the labels are wrong: otherwise the loss would vanish in a few steps, and only its rounding errors would be left.
    """
    noise = numpy.random.default_rng(draw.getrandbits(32))
    h, w = numpy.mgrid[0:SIDE, 0:SIDE] / SIDE
    for i in range(count):
        label = i % 11
        seen = label if draw.random() < 0.5 else draw.randrange(11)
        wave = numpy.sin((seen + 2) * 6 * (h * numpy.cos(seen) + w * numpy.sin(seen)) + 6 * draw.random())
        colour = numpy.array([0.5 + 0.4 * numpy.cos(seen + k) for k in range(3)])
        picture = 255 * (0.35 + 0.3 * wave[:, :, None]) * colour + noise.normal(0, 20, (SIDE, SIDE, 3)) + 40
        name = f"{label}_{i}.png" if labelled else f"{i:04d}.png"
        Image.fromarray(picture.clip(0, 255).astype(numpy.uint8)).save(target / name, compress_level=1)


def prepare(source, folder, counts, seed):
    """Fills folder/{train,valid,test} from source, or with drawn pictures if that is None; determined by the seed."""
    draw = random.Random(seed)
    if folder.exists():
        shutil.rmtree(folder)
    for split, count in zip(SPLITS, counts, strict=True):
        target = folder / split
        target.mkdir(parents=True)
        if source is None:
            draw_split(target, count, split != "test", draw)
        else:
            copy_split(pathlib.Path(source) / split, target, count, draw)


def load(paths):
    """Pictures as float32 in [0, 1], (N,3,128,128), as from torchvision's ToTensor."""
    pixels = numpy.stack([numpy.asarray(Image.open(p), dtype=numpy.uint8) for p in paths])  # (N,128,128,3)
    return numpy.ascontiguousarray(pixels.transpose(0, 3, 1, 2)).astype(numpy.float32) / numpy.float32(255)
