"""Writes the fixtures of ImageNet-P's sequences: frames of a 60x56 picture, cropped to 48x48, made with Pillow and OpenCV.

    python3 -m venv .venv && .venv/bin/pip install -r tools/peers/corruptions-requirements.txt
    .venv/bin/python tools/make_perturbation_fixtures.py

The affine matrix is the one of torchvision 0.2, with which the published sequences were made (it takes the picture's
middle half a pixel further right and down than later ones do); the angles and scales are those of hendrycks/robustness.
"""

import math
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from skimage import color

from imagecorruptions_package import corruptions

FOLDER = Path(__file__).parent.parent / "Tests/ImagingTests/Fixtures/perturbations"
WIDTH, HEIGHT, CROP = 60, 56, 48


def picture():
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    image = np.stack([rows * 4.2, columns * 4, 250 - rows * columns / 15], -1).astype(float)
    image[8:20, 14:34] = (230, 40, 60)
    image[30:44, 4:14] = (0, 0, 0)
    image[rows + columns > 92] = (250, 250, 240)
    image += np.random.default_rng(5).normal(0, 10, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def affine(image, angle=0.0, shift=(0, 0), scale=1.0, resample=Image.Resampling.NEAREST):
    angle = math.radians(angle)
    middle = (image.width * 0.5 + 0.5, image.height * 0.5 + 0.5)
    a, b = math.cos(angle) / scale, math.sin(angle) / scale
    x, y = -middle[0] - shift[0], -middle[1] - shift[1]
    matrix = (a, b, a * x + b * y + middle[0], -b, a, -b * x + a * y + middle[1])
    return image.transform(image.size, Image.Transform.AFFINE, matrix, resample)


def tilted(image, degrees):
    angle = math.radians(degrees)
    sine, cosine = math.sin(angle), math.cos(angle)
    width, height = image.size
    far = math.hypot(width, height)
    flat = np.array([[1, 0, -width / 2], [0, 1, -height / 2], [0, 0, 1], [0, 0, 1]])
    about_x = np.array([[1, 0, 0, 0], [0, cosine, -sine, 0], [0, sine, cosine, 0], [0, 0, 0, 1]])
    about_y = np.array([[cosine, 0, -sine, 0], [0, 1, 0, 0], [sine, 0, cosine, 0], [0, 0, 0, 1]])
    away = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, far], [0, 0, 0, 1]])
    seen = np.array([[far, 0, width / 2, 0], [0, far, height / 2, 0], [0, 0, 1, 0]])
    return Image.fromarray(
        cv2.warpPerspective(np.asarray(image), seen @ away @ about_x @ about_y @ flat, (width, height)))


def cropped(image):
    left, top = (image.width - CROP) // 2, (image.height - CROP) // 2
    return np.asarray(image)[top:top + CROP, left:left + CROP]


def zoom_blurred(image, frame):
    total = cropped(image).astype(np.float32) / 255
    for step in range(1, frame + 1):
        zoomed = affine(image, scale=1 + 0.004 * step, resample=Image.Resampling.BILINEAR)
        total = total + cropped(zoomed).astype(np.float32) / 255
    return (total / np.float32(frame + 1) * 255).astype(np.uint8)


def brightened(image, frame):
    hsv = color.rgb2hsv(image / 255.0)
    hsv[:, :, 2] = np.clip(hsv[:, :, 2] + (frame - 15) * 2 / 100.0, 0, 1)
    return (color.hsv2rgb(hsv) * 255).astype(np.uint8)


def frames(image, frame):
    """The deterministic sequences' frame, by name. Shifts are in proportion to the crop's side, published for 224."""
    bilinear = Image.Resampling.BILINEAR
    blurred = corruptions._motion_blur(cropped(image), radius=10, sigma=3, angle=(frame - 30) * 4)
    return {
        "motion_blur": np.clip(blurred, 0, 255).astype(np.uint8),
        "zoom_blur": zoom_blurred(image, frame),
        "brightness": brightened(cropped(image), frame),
        "translate": cropped(affine(image, shift=(round((frame - 20) * CROP / 224), 0))),
        "rotate": cropped(affine(image, angle=frame - 15, resample=bilinear)),
        "tilt": cropped(tilted(image, frame - 15)),
        "scale": cropped(affine(image, scale=(frame * 2.5 + 40) / 100, resample=bilinear)),
    }


def main():
    FOLDER.mkdir(exist_ok=True)
    image = Image.fromarray(picture())
    (FOLDER / "clean.rgb").write_bytes(image.tobytes())
    for frame in (0, 7, 30):
        for name, made in frames(image, frame).items():
            np.ascontiguousarray(made).tofile(FOLDER / f"{name}-{frame}.rgb")


if __name__ == "__main__":
    main()
