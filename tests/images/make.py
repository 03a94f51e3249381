"""Writes small pictures in every format that is read, and what Pillow makes of them.

    python tests/images/make.py

The pictures go beside this file, and into expected.safetensors as bytes:

- pixels/FILE [H, W, 3]: decoded, upright, without transparency;
- grey/FILE [H, W]: the same as grey;
- imagenet/FILE [224, 224, 3]: the short side resized to 256 and the middle cut out;
- exact/FILE [8, 8]: grey, resized to 8x8;
- small/FILE [C, C, 3]: the short side resized to S and a square of C cut out, S and C in the metadata.

tests/image.rs reads them. Needs pillow, numpy and safetensors.
"""

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL
from PIL import Image, ImageOps
from safetensors.numpy import save_file

HERE = Path(__file__).parent


def picture(height, width, seed, noise=0.2):
    """Ramps, an edge, stripes as fine as pixels, and some noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    red = 255 * x / max(width - 1, 1)
    green = np.where((x + y) % 2 == 0, 40, 215)
    blue = np.where(x * height > y * width, 250, 5)
    rgb = np.stack([red, green, blue], axis=-1)
    spots = rng.random((height, width)) < noise
    rgb[spots] = rng.integers(0, 256, (int(spots.sum()), 3))
    return rgb.astype(np.uint8)


def png16(path, values):
    """A PNG of 16 bits a channel, RGB; Pillow writes grey ones alone."""
    height, width, _ = values.shape

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)


def write_pictures():
    rgb = Image.fromarray(picture(13, 21, 0))
    rng = np.random.default_rng(1)
    alpha = Image.fromarray(rng.integers(0, 256, (13, 21), dtype=np.uint8))
    rgb.save(HERE / "rgb.png")
    rgb.save(HERE / "rgb.bmp")
    rgb.save(HERE / "rgb.webp", lossless=True, exact=True)
    rgb.save(HERE / "rgb.jpg", quality=95, subsampling=0)
    rgb.convert("L").save(HERE / "grey.png")
    rgb.convert("L").save(HERE / "grey.jpg", quality=95)
    rgb.convert("1").save(HERE / "bits.png")
    with_alpha = rgb.copy()
    with_alpha.putalpha(alpha)
    with_alpha.save(HERE / "rgba.png")
    with_alpha.save(HERE / "rgba.webp", lossless=True, exact=True)
    with_alpha.convert("LA").save(HERE / "grey_alpha.png")
    palette = rgb.quantize(16)
    palette.save(HERE / "palette.png")
    palette.save(HERE / "palette_transparent.png", transparency=3)
    wide = rng.integers(0, 1 << 16, (13, 21, 3), dtype=np.uint16)
    png16(HERE / "rgb16.png", wide)
    Image.fromarray(wide[..., 0]).save(HERE / "grey16.png")
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        rgb.save(HERE / f"exif{orientation}.jpg", quality=95, subsampling=0, exif=exif)
    # The long side becomes 261 and 263: the middle starts at 18.5 and 19.5 before it is rounded.
    Image.fromarray(picture(43, 44, 2)).save(HERE / "half_down.png", optimize=True)
    Image.fromarray(picture(35, 34, 2)).save(HERE / "half_up.png", optimize=True)
    Image.fromarray(picture(300, 271, 2, noise=0.002)).save(HERE / "large.png", optimize=True)
    Image.fromarray(picture(16, 63, 4)).save(HERE / "wide.png", optimize=True)
    Image.fromarray(picture(40, 35, 3)[..., 1]).save(HERE / "tall_grey.png", optimize=True)


def load(path):
    with Image.open(path) as file:
        image = ImageOps.exif_transpose(file)
        if image.mode.startswith("I;16"):
            # Pillow clips these; a decoder that keeps the upper byte is what it does with colour.
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        return image.convert("RGB")


def short_side(image, side, crop):
    width, height = image.size
    if height < width:
        size = (int(side * width / height), side)
    else:
        size = (side, int(side * height / width))
    resized = np.asarray(image.resize(size, Image.Resampling.BILINEAR))
    top, left = (int(round((length - crop) / 2.0)) for length in resized.shape[:2])
    return resized[top : top + crop, left : left + crop]


def main():
    write_pictures()
    expected, small = {}, {}
    for path in sorted(HERE.iterdir()):
        if path.suffix not in (".png", ".jpg", ".bmp", ".webp"):
            continue
        image = load(path)
        expected[f"pixels/{path.name}"] = np.asarray(image)
        expected[f"grey/{path.name}"] = np.asarray(image.convert("L"))
    for name in ["half_down.png", "half_up.png", "large.png"]:
        expected[f"imagenet/{name}"] = short_side(load(HERE / name), 256, 224)
    for kind in ["pixels", "grey"]:
        del expected[f"{kind}/large.png"]
    for name in ["tall_grey.png", "grey.png", "rgb.png"]:
        grey = load(HERE / name).convert("L")
        expected[f"exact/{name}"] = np.asarray(grey.resize((8, 8), Image.Resampling.BILINEAR))
    for name, side, crop in [("half_up.png", 50, 41), ("rgb.png", 7, 5), ("wide.png", 23, 22)]:
        expected[f"small/{name}"] = short_side(load(HERE / name), side, crop)
        small[name] = [side, crop]
    expected = {name: np.ascontiguousarray(array) for name, array in expected.items()}
    metadata = {"pillow": PIL.__version__, "small": json.dumps(small)}
    save_file(expected, HERE / "expected.safetensors", metadata)


if __name__ == "__main__":
    main()
