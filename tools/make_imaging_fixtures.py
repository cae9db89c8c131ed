"""Writes small pictures of every kind, and beside each the RGB bytes that Pillow makes of it, for ImagingTests.

    python tools/make_imaging_fixtures.py

NAME.rgb holds the bytes of `Image.open(NAME).convert("RGB")`; resized/FILTER-WIDTHxHEIGHT.rgb those of a resize of
colour.png. parts/ holds larger ones, of which parts are decoded.
"""

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
    }
    for name, (picture, options) in pictures.items():
        picture.save(FOLDER / name, **options)
        (FOLDER / f"{name}.rgb").write_bytes(Image.open(FOLDER / name).convert("RGB").tobytes())
    for label, kind in [("bilinear", Image.Resampling.BILINEAR), ("bicubic", Image.Resampling.BICUBIC)]:
        for width, height in [(17, 13), (64, 48), (40, 11), (93, 30)]:
            (FOLDER / f"{label}-{width}x{height}.rgb").write_bytes(colour.resize((width, height), kind).tobytes())
    write_parts()


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
