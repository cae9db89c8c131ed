"""Compares `gauntlet bench corruptions` with the `imagecorruptions` package: pictures, statistics and speed in one run.

    python3 -m venv .venv && .venv/bin/pip install -r tools/peers/corruptions-requirements.txt
    .venv/bin/python tools/peers/corruptions.py --severity 3 --photographs FOLDER

Photographs are resized to 256 on the shorter side and cropped to 224x224; where there are fewer than `--count`, they
are mirrored and taken again. Speed is in pictures a second of processor time, one thread each.

Deterministic corruptions must be within 1 of 255 for 99.9 % of values. Of the random ones, these differences over all
pictures must keep within bounds: channel means and the deviation in levels, the largest distance of the cumulative
histograms (Kolmogorov), and the mean log10 power in five rings of the spectrum. With `--wrong`, Gauntlet's pictures are
of the next severity, and every corruption must fail instead.

Motion blur has a random angle and is compared by statistics (a fixed one: ImagingTests). Not held to bounds: frost, because its photographs are replaced by a
texture; elastic_transform, because the package changed the constants of the public ImageNet-C code and left out its
affine map, while Gauntlet follows the public code.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from imagecorruptions_package import NAMES, corrupt

DETERMINISTIC = {
    "brightness", "contrast", "saturate", "pixelate", "jpeg_compression", "defocus_blur", "gaussian_blur", "zoom_blur",
}
OWN_DEFINITION = {"frost", "elastic_transform"}
SIDE = 224
# Largest allowed differences. Levels spread more from draw to draw where the random numbers of a picture are few; the
# spectrum does not, and tells fog's severities 3 and 4 apart, which differ in the decay alone.
BOUNDS = {"mean": 1.0, "deviation": 1.0, "histogram": 0.01, "spectrum": 0.03}
SPREAD = {"fog": 4, "snow": 3, "motion_blur": 2}


def pictures(folder, count):
    originals = []
    for path in sorted(Path(folder).iterdir()):
        if path.suffix.lower() not in (".jpeg", ".jpg", ".png"):
            continue
        image = Image.open(path).convert("RGB")
        scale = 256 / min(image.size)
        image = image.resize((round(image.width * scale), round(image.height * scale)), Image.BILINEAR)
        image = ImageOps.fit(image, (256, 256))
        originals.append(image.crop((16, 16, 240, 240)))
    mirrored = [ImageOps.mirror(image) for image in originals]
    return np.stack([np.asarray(image) for image in (originals + mirrored)[:count]])


def log_power(images):
    frequency = np.fft.fftfreq(SIDE) * SIDE
    ring = np.digitize(np.hypot(*np.meshgrid(frequency, frequency)), [4, 16, 40, 80])
    grey = images.mean(-1) / 255
    power = np.abs(np.fft.fft2(grey - grey.mean((1, 2), keepdims=True))) ** 2
    return np.array([np.log10(power[:, ring == index].mean(-1) + 1e-12).mean() for index in range(5)])


def differences(ours, theirs):
    cumulative = [
        np.cumsum(np.bincount(images.ravel(), minlength=256)) / images.size for images in (ours, theirs)]
    return {
        "mean": np.abs(ours.mean((0, 1, 2)) - theirs.mean((0, 1, 2))).max(),
        "deviation": np.abs(ours.std((0, 1, 2)) - theirs.std((0, 1, 2))).max(),
        "histogram": np.abs(cumulative[0] - cumulative[1]).max(),
        "spectrum": np.abs(log_power(ours) - log_power(theirs)).max(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--photographs", required=True)
    parser.add_argument("--severity", type=int, default=3, choices=range(1, 6))
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--wrong", action="store_true", help="compare with Gauntlet's next severity: all must fail")
    parser.add_argument("--gauntlet", default=".build/release/gauntlet")
    parser.add_argument("--skip", nargs="*", default=[], help="such as glass_blur: the package takes seconds a picture")
    options = parser.parse_args()
    clean = pictures(options.photographs, options.count)
    severity = options.severity % 5 + 1 if options.wrong else options.severity
    unexpected = 0
    with tempfile.TemporaryDirectory() as folder:
        clean.tofile(folder + "/clean")
        command = [options.gauntlet, "bench", "corruptions", "--severity", str(severity), "--repeats", "5"]
        lines = subprocess.run(
            command + ["--pictures", folder + "/clean", "--output", folder], check=True, text=True, capture_output=True)
        speeds = {line.split("\t")[0]: float(line.split("\t")[2]) for line in lines.stdout.splitlines()}
        for name in sorted(set(NAMES) - set(options.skip), key=NAMES.index):
            ours = np.fromfile(f"{folder}/{name}.rgb", np.uint8).reshape(clean.shape)
            corrupt(clean[0], name, options.severity)
            np.random.seed(1)
            start = time.process_time()
            theirs = np.stack([corrupt(image, name, options.severity) for image in clean])
            speed = len(clean) / (time.process_time() - start)
            if name in DETERMINISTIC:
                close = (np.abs(ours.astype(int) - theirs) <= 1).mean()
                good, text = close >= 0.999, f"within 1: {close:.5f}"
            else:
                found = differences(ours, theirs)
                spread = {key: 1 if key == "spectrum" else SPREAD.get(name, 1) for key in found}
                good = all(value <= BOUNDS[key] * spread[key] for key, value in found.items())
                text = " ".join(f"{key} {value:.3f}" for key, value in found.items())
            verdict = "own definition" if name in OWN_DEFINITION else "ok" if good else "DIFFERS"
            if name not in OWN_DEFINITION and good == options.wrong:
                unexpected += 1
            print(
                f"{name:18s} {verdict:14s} {text:66s} {speeds[name]:8.1f} images/s, package {speed:8.1f}, "
                f"ratio {speeds[name] / speed:.2f}", flush=True)
    if unexpected:
        sys.exit(f"{unexpected} corruptions are not as they should be")


if __name__ == "__main__":
    main()
