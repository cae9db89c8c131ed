"""Writes the fixtures of the deterministic corruptions: 48x48 pictures that the `imagecorruptions` package makes.

    python3 -m venv .venv && .venv/bin/pip install -r tools/peers/corruptions-requirements.txt
    .venv/bin/python tools/make_corruption_fixtures.py

The picture is drawn here (gradients, edges, a grey patch, noise from a fixed seed), so no photograph is committed.
"""

from pathlib import Path

import numpy as np

from imagecorruptions_package import corruptions, corrupt

FOLDER = Path(__file__).parent.parent / "Tests/ImagingTests/Fixtures/corruptions"
SIDE = 48
DEGREES = 30.0
DETERMINISTIC = [
    "brightness", "contrast", "saturate", "pixelate", "jpeg_compression", "defocus_blur", "gaussian_blur", "zoom_blur",
]


def picture():
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] / (SIDE - 1)
    image = np.stack([rows, columns, 1 - rows * columns], -1) * 255
    image[8:20, 10:30] = (230, 40, 60)
    image[26:40, 20:34] = 128
    image[30:44, 4:14] = (0, 0, 0)
    image[(rows + columns > 1.6)] = (250, 250, 240)
    image += np.random.default_rng(3).normal(0, 12, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def main():
    FOLDER.mkdir(exist_ok=True)
    image = picture()
    image.tofile(FOLDER / "clean.rgb")
    for severity in (1, 4):
        for name in DETERMINISTIC:
            corrupt(image, name, severity).tofile(FOLDER / f"{name}-{severity}.rgb")
        radius, sigma = [(10, 3), (15, 5), (15, 8), (15, 12), (20, 15)][severity - 1]
        blurred = corruptions._motion_blur(image, radius=radius, sigma=sigma, angle=DEGREES)
        np.clip(blurred, 0, 255).astype(np.uint8).tofile(FOLDER / f"motion_blur-{severity}.rgb")


if __name__ == "__main__":
    main()
