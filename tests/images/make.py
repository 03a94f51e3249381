"""Writes small pictures in every supported format, and Pillow's decoding of them.

    python tests/images/make.py

The pictures are written next to this file, and as bytes into expected.safetensors:

- pixels/FILE [H, W, 3]: decoded, upright, without transparency;
- grey/FILE [H, W]: the same as grey;
- imagenet/FILE [224, 224, 3]: short side resized to 256, centre crop;
- exact/FILE [8, 8]: grey, resized to 8x8;
- small/FILE [C, C, 3]: short side resized to S, centre crop of C; S and C are in the metadata.

The metadata key "needs" lists how many bytes of each picture Pillow needs to read it.

tests/image.rs reads them. Needs pillow, numpy and safetensors.
"""

import io
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


def png(path, size, depth, interlaced, rows):
    """A PNG in RGB of these rows, in two chunks of data."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    height, width = size
    packed = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows), 9)
    header = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, interlaced)
    half = len(packed) // 2
    data = chunk(b"IHDR", header) + chunk(b"IDAT", packed[:half]) + chunk(b"IDAT", packed[half:])
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data + chunk(b"IEND", b""))


def interlaced(path, values):
    """An interlaced PNG, which Pillow does not write."""
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    parts = [values[y::down, x::right] for x, y, right, down in passes]
    rows = [row for part in parts if part.size for row in part]
    png(path, values.shape[:2], 8, 1, rows)


def rle8(path, indices, colours):
    """A BMP of runs and of bytes as they are, which Pillow reads alone."""
    height, width = indices.shape
    data = b""
    for row in indices[::-1]:
        at = 0
        while at < width:
            run = 1
            while at + run < width and row[at + run] == row[at]:
                run += 1
            if run == 1 and at + 4 <= width:
                data += bytes([0, 4]) + row[at : at + 4].tobytes()
                at += 4
            else:
                data += bytes([run, row[at]])
                at += run
        data += b"\0\0"
    data += b"\0\1"
    palette = b"".join(bytes([b, g, r, 0]) for r, g, b in colours)
    start = 54 + len(palette)
    header = struct.pack("<IHHI", start + len(data), 0, 0, start)
    header += struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(data), 0, 0, len(colours), 0)
    path.write_bytes(b"BM" + header + palette + data)


def jpeg(path, order, tables, before=b"", adobe=None):
    """A baseline JPEG with a scan for each component in this order, flat blocks, and tables of codes before each
    scan, or none at all: the codes are those of the standard."""
    height, width = 3, 5
    rng = np.random.default_rng(6)
    levels = rng.integers(-60, 60, (3, height, width))
    lengths = [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]
    # The codes of categories 0 to 8, and the end of a block: 00 of the second table.
    codes = ["00", "010", "011", "100", "101", "110", "1110", "11110", "111110"]
    # The standard has 162 codes here, of which these blocks need 1010.
    ends = [0, 2, 1, 3] + [0] * 12

    def segment(marker, data):
        return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data

    data = b"\xff\xd8" + before
    if adobe is not None:
        data += segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([adobe]))
    data += segment(0xDB, b"\0" + bytes([8] * 64))
    parts = b"".join(bytes([index + 1, 0x11, 0]) for index in range(3))
    data += segment(0xC0, struct.pack(">BHHB", 8, 8 * height, 8 * width, 3) + parts)
    for component in order:
        if tables:
            data += segment(0xC4, b"\0" + bytes(lengths) + bytes(range(12)))
            data += segment(0xC4, b"\x10" + bytes(ends) + bytes([1, 2, 3, 0, 4, 0x11]))
        data += segment(0xDA, bytes([1, component + 1, 0, 0, 63, 0]))
        bits, last = "", 0
        for level in levels[component].ravel():
            difference = int(level) - last
            last = int(level)
            category = abs(difference).bit_length()
            bits += codes[category]
            if category:
                value = difference if difference > 0 else difference + (1 << category) - 1
                bits += format(value, f"0{category}b")
            bits += "1010"
        bits += "1" * (-len(bits) % 8)
        data += bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)).replace(b"\xff", b"\xff\0")
    path.write_bytes(data + b"\xff\xd9")


def write_others(rgb, with_alpha):
    """Kinds of coding that the pictures before do not have."""
    values, other = np.asarray(rgb), Image.fromarray(picture(13, 21, 5))
    interlaced(HERE / "interlaced.png", values)
    rgb.save(HERE / "animated.png", save_all=True, append_images=[other], duration=50)
    palette = rgb.quantize(16)
    colours = np.asarray(palette.getpalette()).reshape(-1, 3)
    rle8(HERE / "rle8.bmp", np.asarray(palette), colours.tolist())
    rgb.save(HERE / "lossy.webp", quality=60)
    with_alpha.save(HERE / "lossy_alpha.webp", quality=60)
    with_alpha.save(HERE / "animated.webp", save_all=True, append_images=[other.convert("RGBA")])
    rgb.save(HERE / "progressive.jpg", quality=90, progressive=True)
    rgb.save(HERE / "halved.jpg", quality=90, subsampling="4:2:0", restart_marker_blocks=2)
    rgb.convert("CMYK").save(HERE / "cmyk.jpg", quality=95)
    jpeg(HERE / "luma_last.jpg", [1, 2, 0], True)
    jpeg(HERE / "luma_between.jpg", [1, 0, 2], True)
    jpeg(HERE / "no_tables.jpg", [0, 1, 2], False)
    jpeg(HERE / "adobe_rgb.jpg", [2, 0, 1], True, adobe=0)


def needs(path):
    """How many bytes of a picture Pillow has to have."""
    data = path.read_bytes()
    for length in range(len(data)):
        try:
            Image.open(io.BytesIO(data[:length])).load()
            return length
        except Exception:
            continue
    return len(data)


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
    png(HERE / "rgb16.png", (13, 21), 16, 0, wide.astype(">u2"))
    Image.fromarray(wide[..., 0]).save(HERE / "grey16.png")
    write_others(rgb, with_alpha)
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
    kinds = (".png", ".jpg", ".bmp", ".webp")
    pictures = [path for path in sorted(HERE.iterdir()) if path.suffix in kinds]
    for path in pictures:
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
    lengths = {path.name: needs(path) for path in pictures if path.name != "large.png"}
    metadata = {"pillow": PIL.__version__, "small": json.dumps(small), "needs": json.dumps(lengths)}
    save_file(expected, HERE / "expected.safetensors", metadata)


if __name__ == "__main__":
    main()
