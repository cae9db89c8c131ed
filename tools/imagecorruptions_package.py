"""The `imagecorruptions` package (Michaelis et al., 2019), made to run with today's NumPy and scikit-image.

NumPy dropped `float_`, scikit-image the argument `multichannel` of `gaussian`. Where the package differs from the public
ImageNet-C code, `corrupt` follows the latter (`PUBLIC`): elastic_transform has an affine map and other constants there, and
frost is cut out of its photographs as they are, not enlarged by a tenth.
"""

import functools
import warnings
from pathlib import Path

import cv2
import numpy as np
from scipy.ndimage import map_coordinates

if not hasattr(np, "float_"):
    np.float_ = np.float64
warnings.simplefilter("ignore")

import imagecorruptions
from imagecorruptions import corruptions

_gaussian = corruptions.gaussian


def _with_channels(image, *arguments, multichannel=False, **options):
    return _gaussian(image, *arguments, channel_axis=-1 if multichannel else None, **options)


corruptions.gaussian = _with_channels
FROST = Path(imagecorruptions.__file__).parent / "frost"
NAMES = imagecorruptions.get_corruption_names("all")


def corrupt(image, name, severity):
    """A corrupted copy of a `[height, width, 3]` uint8 picture, from NumPy's global random state."""
    if name in PUBLIC:
        return np.uint8(np.clip(PUBLIC[name](image, severity), 0, 255))
    return package(image, name, severity)


def package(image, name, severity):
    """What the package makes, also where it differs from the public code."""
    return np.asarray(imagecorruptions.corrupt(image, corruption_name=name, severity=severity))


def elastic_transform(image, severity):
    """An affine map of three corners moved at random, then smoothed random shifts (Hendrycks and Dietterich, 2019)."""
    strength, smoothing, reach = 244 * np.array(
        [(2, 0.7, 0.1), (2, 0.08, 0.2), (0.05, 0.01, 0.02), (0.07, 0.01, 0.02), (0.12, 0.01, 0.02)][severity - 1])
    height, width = image.shape[:2]
    middle = np.float32([height, width]) // 2
    arm = min(height, width) // 3
    corners = np.float32([middle + arm, middle + [arm, -arm], middle - arm])
    moved = corners + np.random.uniform(-reach, reach, corners.shape).astype(np.float32)
    mapped = cv2.warpAffine(
        image.astype(np.float32) / 255, cv2.getAffineTransform(corners, moved), (width, height),
        borderMode=cv2.BORDER_REFLECT_101)
    across, down = (
        (_gaussian(np.random.uniform(-1, 1, (height, width)), smoothing, mode="reflect", truncate=3) * strength)
        .astype(np.float32) for _ in range(2))
    rows, columns = np.mgrid[:height, :width]
    return 255 * np.clip(np.stack([
        map_coordinates(mapped[..., channel], [rows + down, columns + across], order=1, mode="reflect")
        for channel in range(3)], -1), 0, 1)


@functools.lru_cache
def _frost_photograph(name):
    return cv2.imread(str(FROST / name))[..., ::-1]


def frost(image, severity):
    """The weighted sum with a place drawn from one of the first five photographs."""
    share, frost_share = [(1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)][severity - 1]
    name = ["frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg"][np.random.randint(5)]
    photograph = _frost_photograph(name)
    top, left = (np.random.randint(0, photograph.shape[axis] - image.shape[axis]) for axis in (0, 1))
    return share * image + frost_share * photograph[top:top + image.shape[0], left:left + image.shape[1]]


PUBLIC = {"elastic_transform": elastic_transform, "frost": frost}
