"""Compares `gauntlet bench corruptions` with the `imagecorruptions` package: pictures, statistics and speed in one run.

    python3 -m venv .venv && .venv/bin/pip install -r tools/peers/corruptions-requirements.txt
    .venv/bin/python tools/peers/corruptions.py --severity 3 [--photographs FOLDER]

Photographs, scikit-image's own where no folder is named, are resized to 256 on the shorter side and cropped to 224x224;
where there are fewer than `--count`, they are mirrored and taken again, and then their quarters. Speed is in pictures a second of processor time, one thread
each; measure it with nothing else running.

Deterministic corruptions must be within 1 of 255 for 99.9 % of values. Of the random ones, drawn `DRAWS` times a picture,
these differences over all pictures must keep within bounds: channel means and the deviation in levels, the largest
distance of the cumulative histograms (Kolmogorov), the mean log10 power in five rings of the spectrum, and the mean
distance from the clean picture as a share. With `--wrong`, Gauntlet's pictures are of the next severity, and every
corruption must fail instead.

Motion blur has a random angle and is compared by statistics (a fixed one: ImagingTests). Gauntlet takes frost from the
package's photographs here. Where the package differs from the public ImageNet-C code, that is what Gauntlet is compared
with, see `imagecorruptions_package.py`; the speed is the package's own everywhere.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import skimage
from PIL import Image, ImageOps

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from imagecorruptions_package import FROST, NAMES, corrupt, package

DETERMINISTIC = {
    "brightness", "contrast", "saturate", "pixelate", "jpeg_compression", "defocus_blur", "gaussian_blur", "zoom_blur",
}
SIDE = 224
DRAWS = 12
# Largest allowed differences. Levels spread more from draw to draw where the random numbers of a picture are few; the
# spectrum does not, and tells fog's severities 3 and 4 apart, which differ in the decay alone.
BOUNDS = {"mean": 1.0, "deviation": 1.0, "histogram": 0.01, "spectrum": 0.03, "change": 0.02}
SPREAD = {"fog": 3, "snow": 2, "motion_blur": 2, "frost": 2}


SAMPLES = ["astronaut.png", "chelsea.png", "coffee.png", "hubble_deep_field.jpg", "ihc.png", "motorcycle_left.png",
           "retina.jpg", "rocket.jpg"]


def photographs(folder):
    """Those of a folder, or those that scikit-image brings along."""
    if folder is not None:
        return [path for path in sorted(Path(folder).iterdir()) if path.suffix.lower() in (".jpeg", ".jpg", ".png")]
    return [Path(skimage.__file__).parent / "data" / name for name in SAMPLES]


def fitted(path, side):
    image = Image.open(path).convert("RGB")
    scale = side / min(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.BILINEAR)
    return ImageOps.fit(image, (side, side))


def pictures(paths, count):
    whole = [fitted(path, 256).crop((16, 16, 240, 240)) for path in paths]
    mirrored = [ImageOps.mirror(image) for image in whole]
    quarters = [fitted(path, 448).crop((x, y, x + 224, y + 224)) for path in paths for x in (0, 224) for y in (0, 224)]
    turned = [ImageOps.mirror(image) for image in quarters]
    return np.stack([np.asarray(image) for image in (whole + mirrored + quarters + turned)[:count]])


def log_power(images):
    frequency = np.fft.fftfreq(SIDE) * SIDE
    ring = np.digitize(np.hypot(*np.meshgrid(frequency, frequency)), [4, 16, 40, 80])
    grey = images.mean(-1) / 255
    power = np.abs(np.fft.fft2(grey - grey.mean((1, 2), keepdims=True))) ** 2
    return np.array([np.log10(power[:, ring == index].mean(-1) + 1e-12).mean() for index in range(5)])


def differences(ours, theirs, clean):
    change = [np.abs(images - clean.astype(np.float32)).mean() for images in (ours, theirs)]
    cumulative = [
        np.cumsum(np.bincount(images.ravel(), minlength=256)) / images.size for images in (ours, theirs)]
    return {
        "mean": np.abs(ours.mean((0, 1, 2)) - theirs.mean((0, 1, 2))).max(),
        "deviation": np.abs(ours.std((0, 1, 2)) - theirs.std((0, 1, 2))).max(),
        "histogram": np.abs(cumulative[0] - cumulative[1]).max(),
        "spectrum": np.abs(log_power(ours) - log_power(theirs)).max(),
        "change": abs(change[0] / change[1] - 1),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--photographs", help="a folder of JPEG or PNG files; scikit-image's photographs otherwise")
    parser.add_argument("--severity", type=int, default=3, choices=range(1, 6))
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--wrong", action="store_true", help="compare with Gauntlet's next severity: all must fail")
    parser.add_argument("--gauntlet", default=".build/release/gauntlet")
    parser.add_argument("--only", nargs="*", default=[], choices=NAMES, metavar="CORRUPTION", help="these, not all")
    parser.add_argument("--skip", nargs="*", default=[], help="such as glass_blur: the package takes seconds a picture")
    options = parser.parse_args()
    clean = pictures(photographs(options.photographs), options.count)
    severity = options.severity % 5 + 1 if options.wrong else options.severity
    unexpected = 0
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        clean.tofile(folder / "clean")
        (folder / "frost").mkdir()
        for photograph in sorted(FROST.iterdir())[:5]:
            (folder / "frost" / photograph.name).symlink_to(photograph)
        for draw in range(DRAWS):
            lines = subprocess.run(
                [options.gauntlet, "bench", "corruptions", "--severity", str(severity), "--seed", str(draw + 1),
                 "--repeats", "1" if draw else "5", "--pictures", folder / "clean", "--frost", folder / "frost",
                 "--output", folder / str(draw)], check=True, text=True, capture_output=True)
            if not draw:
                speeds = {line.split("\t")[0]: float(line.split("\t")[2]) for line in lines.stdout.splitlines()}
        for name in options.only or sorted(set(NAMES) - set(options.skip), key=NAMES.index):
            # One draw of glass_blur takes the package as long as all else.
            draws = 1 if name in DETERMINISTIC or name == "glass_blur" else DRAWS
            ours = np.concatenate([
                np.fromfile(folder / str(draw) / f"{name}.rgb", np.uint8).reshape(clean.shape) for draw in range(draws)])
            corrupt(clean[0], name, options.severity)
            np.random.seed(1)
            theirs = np.stack([corrupt(image, name, options.severity) for _ in range(draws) for image in clean])
            timed = clean[:4] if name == "glass_blur" else clean
            start = time.process_time()
            for image in timed:
                package(image, name, options.severity)
            speed = len(timed) / (time.process_time() - start)
            if name in DETERMINISTIC:
                close = (np.abs(ours.astype(int) - theirs) <= 1).mean()
                good, text = close >= 0.999, f"within 1: {close:.5f}"
            else:
                found = differences(ours, theirs, np.concatenate([clean] * draws))
                spread = {key: 1 if key == "spectrum" else SPREAD.get(name, 1) for key in found}
                good = all(value <= BOUNDS[key] * spread[key] for key, value in found.items())
                text = " ".join(f"{key} {value:.3f}" for key, value in found.items())
            unexpected += good == options.wrong
            print(
                f"{name:18s} {'ok' if good else 'DIFFERS':8s} {text:80s} {speeds[name]:8.1f} images/s, package {speed:8.1f}, "
                f"ratio {speeds[name] / speed:.2f}", flush=True)
    if unexpected:
        sys.exit(f"{unexpected} corruptions are not as they should be")


if __name__ == "__main__":
    main()
