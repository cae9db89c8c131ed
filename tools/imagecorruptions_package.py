"""The `imagecorruptions` package (Michaelis et al., 2019), made to run with today's NumPy and scikit-image.

NumPy dropped `float_`, scikit-image the argument `multichannel` of `gaussian`; nothing else is changed.
"""

import warnings

import numpy as np

if not hasattr(np, "float_"):
    np.float_ = np.float64
warnings.simplefilter("ignore")

import imagecorruptions
from imagecorruptions import corruptions

_gaussian = corruptions.gaussian


def _with_channels(image, *arguments, multichannel=False, **options):
    return _gaussian(image, *arguments, channel_axis=-1 if multichannel else None, **options)


corruptions.gaussian = _with_channels
NAMES = imagecorruptions.get_corruption_names("all")


def corrupt(image, name, severity):
    """A corrupted copy of a `[height, width, 3]` uint8 picture, from NumPy's global random state."""
    return np.asarray(imagecorruptions.corrupt(image, corruption_name=name, severity=severity))
