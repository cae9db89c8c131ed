"""Writes small pictures of every kind, and beside each the RGB bytes that Pillow makes of it, for ImagingTests.

    python tools/make_imaging_fixtures.py

NAME.rgb holds the bytes of `Image.open(NAME).convert("RGB")`; resized/FILTER-WIDTHxHEIGHT.rgb those of a resize of
colour.png. parts/ holds larger ones, of which parts are decoded.
"""

import io
import struct
from pathlib import Path

import numpy as np
from PIL import Image

FOLDER = Path(__file__).resolve().parent.parent / "Tests/ImagingTests/Fixtures"


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(7)
    rows, columns = np.mgrid[0:30, 0:40]
    smooth = np.stack([columns * 6, rows * 8, 255 - columns * 3 - rows * 2], -1)
    colour = Image.fromarray(np.clip(smooth + rng.integers(-20, 20, smooth.shape), 0, 255).astype(np.uint8))
    alpha = Image.fromarray((rows * 8).astype(np.uint8))
    transparent = colour.copy()
    transparent.putalpha(alpha)
    pictures = {
        "420.jpg": (colour, {"quality": 80, "subsampling": 2}),
        "444.jpg": (colour, {"quality": 90, "subsampling": 0}),
        "progressive.jpg": (colour, {"quality": 85, "progressive": True}),
        "grey.jpg": (colour.convert("L"), {}),
        "cmyk.jpg": (colour.convert("CMYK"), {}),
        "colour.png": (colour, {}),
        "rgba.png": (transparent, {}),
        "palette.png": (colour.quantize(16), {}),
        "grey.png": (colour.convert("L"), {}),
        "greyalpha.png": (transparent.convert("LA"), {}),
        "bilevel.png": (colour.convert("1"), {}),
        "index.png": (colour.quantize(32), {"transparency": 3}),
        "table.png": (colour.quantize(32), {"transparency": bytes([0, 128] + [255] * 30)}),
        "greykey.png": (colour.convert("L"), {"transparency": 90}),
        "lossless.webp": (transparent, {"lossless": True}),
        "lossy.webp": (colour, {"quality": 80}),
        "lzw.tif": (colour, {"compression": "tiff_lzw"}),
        "jpeg.tif": (colour, {"compression": "jpeg"}),
        "cmyk.tif": (colour.convert("CMYK"), {"compression": "tiff_adobe_deflate"}),
        "palette.tif": (colour.quantize(16), {}),
        "bilevel.tif": (colour.convert("1"), {"compression": "group4"}),
        "turned.tif": (colour.rotate(90, expand=True), {"tiffinfo": {274: 6}}),
        "mirrored.tif": (colour, {"tiffinfo": {274: 4}}),
        "interlaced.gif": (colour.quantize(100), {"interlace": 1}),
        "index.gif": (colour.quantize(30), {"transparency": 4}),
        "grey.gif": (colour.convert("L"), {}),
        "colour.bmp": (colour, {}),
        "palette.bmp": (colour.quantize(16), {}),
        "bilevel.bmp": (colour.convert("1"), {}),
        "colour.ppm": (colour, {}),
        "grey.pgm": (colour.convert("L"), {}),
        "bilevel.pbm": (colour.convert("1"), {}),
    }
    for name, (picture, options) in pictures.items():
        picture.save(FOLDER / name, **options)
    written = write_by_hand(np.asarray(transparent)) + write_animations(transparent)
    for name in [*pictures, *written]:
        (FOLDER / f"{name}.rgb").write_bytes(Image.open(FOLDER / name).convert("RGB").tobytes())
    for label, kind in [("bilinear", Image.Resampling.BILINEAR), ("bicubic", Image.Resampling.BICUBIC)]:
        for width, height in [(17, 13), (64, 48), (40, 11), (93, 30)]:
            (FOLDER / f"{label}-{width}x{height}.rgb").write_bytes(colour.resize((width, height), kind).tobytes())
    write_parts()


def write_animations(picture: Image.Image) -> list[str]:
    """Animations whose first frame is smaller than the canvas of 40x30."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)

    def number(value: int) -> bytes:
        return struct.pack("<I", value)[:3]

    def frame(options: dict) -> bytes:
        stream = io.BytesIO()
        picture.crop((0, 0, 20, 10)).save(stream, "WEBP", **options)
        body = stream.getvalue()[12:]
        if body[:4] == b"VP8X":
            body = body[18:]
        return chunk(b"ANMF", number(2) + number(3) + number(19) + number(9) + number(100) + b"\0" + body)

    written = {"animated.webp": {"quality": 80}, "animated_lossless.webp": {"lossless": True}}
    for name, options in written.items():
        header = chunk(b"VP8X", bytes([0x12, 0, 0, 0]) + number(39) + number(29))
        body = b"WEBP" + header + chunk(b"ANIM", bytes([9, 8, 7, 255, 0, 0])) + frame(options) * 2
        (FOLDER / name).write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return list(written)


def write_by_hand(rgba: np.ndarray) -> list[str]:
    """Pictures of kinds that Pillow reads and does not write."""
    height, width, _ = rgba.shape
    wide = (rgba.astype("<u2") * 257 + np.arange(width, dtype="<u2")[None, :, None]).astype(">u2")
    tiles = np.pad(rgba[..., :3], ((0, 2), (0, 8), (0, 0)))
    blocks = [tiles[y : y + 16, x : x + 16].tobytes() for y in (0, 16) for x in (0, 16, 32)]
    files = {
        "tiled.tif": tiff(blocks, 8, 3, "<", {322: 16, 323: 16}),
        "planes.tif": tiff([rgba[..., c].tobytes() for c in range(3)], 8, 3, "<", {284: 2}),
        "wide.tif": tiff([wide[..., :3].tobytes()], 16, 3, ">", {}),
        "premultiplied.tif": tiff([rgba.tobytes()], 8, 4, "<", {338: 1}),
    }
    red = rgba[::-1, :, 0] // 32
    runs = b"".join(bytes(v for pixel in row for v in (1, pixel)) + bytes(2) for row in red) + b"\0\1"
    palette = b"".join(bytes([i, 255 - i, i // 2, 0]) for i in range(256))
    files["runs.bmp"] = bmp(runs, 8, 1, palette)
    fields = struct.pack("<III", 0xF800, 0x7E0, 0x1F)
    packed = (rgba[..., 0].astype("<u2") // 8 << 11) + (rgba[..., 1].astype("<u2") // 4 << 5) + rgba[..., 2] // 8
    files["565.bmp"] = bmp(packed.astype("<u2").tobytes(), 16, 3, fields)
    numbers = " ".join(str(int(v)) for v in rgba[..., :3].flatten() * 999.0 // 255)
    files["plain.ppm"] = f"P3 # a comment\n40 30\n999\n{numbers}\n".encode()
    for name, data in files.items():
        (FOLDER / name).write_bytes(data)
    return list(files)


def bmp(pixels: bytes, bits: int, compression: int, table: bytes) -> bytes:
    start = 54 + len(table)
    header = struct.pack("<IiiHHIIiiII", 40, 40, 30, 1, bits, compression, len(pixels), 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + header + table + pixels


def tiff(blocks: list[bytes], bits: int, samples: int, order: str, more: dict[int, int]) -> bytes:
    """An uncompressed RGB picture of 40x30 in strips, or in tiles where `more` has their size."""
    offsets = [8 + sum(map(len, blocks[:i])) for i in range(len(blocks))]
    places = (324, 325) if 322 in more else (273, 279)
    fields = {256: [40], 257: [30], 258: [bits] * samples, 259: [1], 262: [2], 277: [samples]}
    fields |= {places[0]: offsets, places[1]: [len(b) for b in blocks]} | {tag: [v] for tag, v in more.items()}
    fields |= {} if 322 in more else {278: [30]}
    start = 8 + sum(map(len, blocks))
    entries, values = b"", b""
    for tag, numbers in sorted(fields.items()):
        kind, code = (4, "I") if tag in places else (3, "H")
        data = struct.pack(f"{order}{len(numbers)}{code}", *numbers)
        if len(data) > 4:
            place = struct.pack(f"{order}I", start + 2 + 12 * len(fields) + 4 + len(values))
            values += data
        else:
            place = data.ljust(4, b"\0")
        entries += struct.pack(f"{order}HHI", tag, kind, len(numbers)) + place
    magic = b"II*\0" if order == "<" else b"MM\0*"
    directory = struct.pack(f"{order}H", len(fields)) + entries + bytes(4) + values
    return magic + struct.pack(f"{order}I", start) + b"".join(blocks) + directory


def write_parts() -> None:
    (FOLDER / "parts").mkdir(exist_ok=True)
    rng = np.random.default_rng(8)
    rows, columns = np.mgrid[0:93, 0:117]
    waves = [np.sin(columns / 5 + rows / 9), np.cos(columns / 7 - rows / 4), np.sin(columns * rows / 400)]
    values = 128 + 90 * np.stack(waves, -1) + rng.integers(-15, 15, (93, 117, 3))
    colour = Image.fromarray(values.clip(0, 255).astype(np.uint8))
    pictures = {
        "420.jpg": (colour, {"subsampling": 2}),
        "422.jpg": (colour, {"subsampling": 1}),
        "444.jpg": (colour, {"subsampling": 0}),
        "progressive.jpg": (colour, {"progressive": True}),
        "restarts.jpg": (colour, {"restart_marker_blocks": 3}),
        "grey.jpg": (colour.convert("L"), {}),
        "cmyk.jpg": (colour.convert("CMYK"), {}),
        "colour.png": (colour.quantize(16), {}),
    }
    for name, (picture, options) in pictures.items():
        picture.save(FOLDER / "parts" / name, **options)


if __name__ == "__main__":
    main()
