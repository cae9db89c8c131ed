"""Times preprocessing (decode, resize to 256, crop 224, normalise) of 500x375 JPEG pictures beside Pillow and torchvision.

    python3 -m venv .venv && .venv/bin/pip install -r tools/peers/requirements.txt
    .venv/bin/python tools/peers/preprocessing.py [--photographs FOLDER] [--turns 5]

Photographs are cut to 500x375 and saved as JPEG at quality 90; without any, pictures with the spectrum of photographs
are drawn. One thread each, turn by turn, medians; Gauntlet's cropped pixels must be those of Pillow.
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path

import numpy
import torch
from PIL import Image, ImageOps
from torchvision import io as torchvision_io
from torchvision.transforms import v2

ROOT = Path(__file__).resolve().parent.parent.parent
GAUNTLET = ROOT / ".build/release/gauntlet"
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}


def drawn(count: int):
    generator = numpy.random.default_rng(3)
    frequency = numpy.hypot(*numpy.meshgrid(numpy.fft.fftfreq(500) * 500, numpy.fft.fftfreq(375) * 375))
    for _ in range(count):
        noise = generator.standard_normal((3, 375, 500))
        values = numpy.fft.ifft2(numpy.fft.fft2(noise) / numpy.maximum(frequency, 1)).real
        values = 128 + 50 * (values - values.mean()) / values.std()
        yield Image.fromarray(values.clip(0, 255).astype(numpy.uint8).transpose(1, 2, 0))


def rate(call, files) -> float:
    for file in files:
        call(file)
    start = time.perf_counter()
    for file in files:
        call(file)
    return len(files) / (time.perf_counter() - start)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--interpolation", choices=FILTERS, default="bicubic")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "pictures").mkdir()
        pictures = drawn(32)
        if arguments.photographs:
            names = sorted(path for path in arguments.photographs.iterdir() if path.suffix.lower() in (".jpg", ".jpeg"))
            pictures = (ImageOps.fit(Image.open(name).convert("RGB"), (500, 375)) for name in names)
        for index, picture in enumerate(pictures):
            picture.save(folder / "pictures" / f"{index:04d}.jpeg", quality=90)
        files = [path.read_bytes() for path in sorted((folder / "pictures").iterdir())]
        return compare(arguments, folder, files)


def compare(arguments, folder: Path, files: list[bytes]) -> int:
    interpolation = FILTERS[arguments.interpolation]
    mean, std = numpy.array(MEAN, numpy.float32), numpy.array(STD, numpy.float32)

    def cropped(file: bytes):
        image = Image.open(BytesIO(file)).convert("RGB").resize((341, 256), interpolation)
        return image.crop((58, 16, 282, 240))

    def pillow(file: bytes):
        return (numpy.asarray(cropped(file), numpy.float32) / 255 - mean) / std

    modes = {"bilinear": v2.InterpolationMode.BILINEAR, "bicubic": v2.InterpolationMode.BICUBIC}
    steps = [v2.Resize(256, interpolation=modes[arguments.interpolation], antialias=True), v2.CenterCrop(224),
             v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]
    tensors = v2.Compose(steps)
    images = v2.Compose(steps[:2] + [v2.ToImage()] + steps[2:])

    runners = {
        "Pillow and NumPy": pillow,
        "torchvision, of tensors": lambda file: tensors(
            torchvision_io.decode_jpeg(torch.frombuffer(bytearray(file), dtype=torch.uint8))),
        "torchvision, of Pillow's pictures": lambda file: images(Image.open(BytesIO(file)).convert("RGB")),
        "Pillow, decoding alone": lambda file: Image.open(BytesIO(file)).convert("RGB"),
    }
    output = folder / "cropped.rgb"
    command = [GAUNTLET, "bench", "preprocessing", folder / "pictures", "--interpolation", arguments.interpolation]
    subprocess.run([*command, "--output", output], check=True, capture_output=True)
    expected = b"".join(cropped(file).tobytes() for file in files)
    same = output.read_bytes() == expected
    print("Gauntlet's pixels are Pillow's" if same else "Gauntlet's pixels DIFFER from Pillow's")
    figures: dict[str, list[float]] = {"Gauntlet": [], "Gauntlet, decoding alone": []}
    for _ in range(arguments.turns):
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        figures["Gauntlet"].append(float(re.search(r"preprocessing ([0-9.]+)", lines).group(1)))
        figures["Gauntlet, decoding alone"].append(float(re.search(r"decoding alone ([0-9.]+)", lines).group(1)))
        for name, run in runners.items():
            figures.setdefault(name, []).append(rate(run, files))
    own = statistics.median(figures["Gauntlet"])
    print(f"{len(files)} JPEG pictures of 500x375, {arguments.interpolation}, one thread, median of {arguments.turns}")
    for name, values in figures.items():
        value = statistics.median(values)
        print(f"  {name:36s}{value:8.1f} images/s   Gauntlet is {own / value:.2f}x")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
