"""Makes the files that `make fuzz` damages, in Sources/ReaderFuzzer/Seeds: make_fuzz_seeds.py GAUNTLET

Needs h5py, numpy and pillow. Pictures of each kind and of the ways in which each is stored; a manifest; a tar; an archive that
GAUNTLET wrote, and the same as old libraries write it, without checksums, so that damage gets to HDF5's inside.
"""
import io, subprocess, sys, tarfile, tempfile
from pathlib import Path

import h5py
import numpy as np
from PIL import Image

SEEDS = Path(__file__).resolve().parent.parent / "Sources/ReaderFuzzer/Seeds"
GAUNTLET = str(Path(sys.argv[1]).resolve())
RANDOM = np.random.default_rng(1)
SIDE = 24


def picture(mode="RGB"):
    y, x = np.mgrid[:SIDE, :SIDE]
    waves = np.stack([128 + 100 * np.sin(x / 3), 128 + 100 * np.cos(y / 4), 4 * (x + y)], -1)
    noisy = np.clip(waves + RANDOM.normal(0, 6, waves.shape), 0, 255).astype("uint8")
    return Image.fromarray(noisy).convert(mode)


def save(name, image, **options):
    image.save(SEEDS / name, **options)


SEEDS.mkdir(exist_ok=True)
save("rgb.png", picture())
save("palette.png", picture("P"))
save("grey-alpha.png", picture("LA"))
save("baseline.jpg", picture())
save("progressive.jpg", picture(), progressive=True, subsampling=0)
save("grey.jpg", picture("L"))
save("cmyk.jpg", picture("CMYK"))
save("lossy.webp", picture())
save("lossless.webp", picture(), lossless=True)
save("alpha.webp", picture("RGBA"))
save("frames.webp", picture(), save_all=True, append_images=[picture()])
for kind in ("raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"):
    save(f"{kind.removeprefix('tiff_')}.tif", picture(), compression=None if kind == "raw" else kind)
save("bilevel.tif", picture("1"), compression="group4")
save("still.gif", picture("P"))
save("frames.gif", picture("P"), save_all=True, append_images=[picture("P")])
save("rgb.bmp", picture())
save("palette.bmp", picture("P"))
save("rgb.ppm", picture())
save("grey.pgm", picture("L"))

with tempfile.TemporaryDirectory() as folder:
    folder = Path(folder)
    subprocess.run([GAUNTLET, "miniature", folder / "data", "--images", "10"], check=True, capture_output=True)
    models = Path(__file__).resolve().parent.parent / "models"
    manifest = f"""# A small run.
run: seed
seed: 7
models:
  - {{name: first, architecture: resnet-nano, checkpoint: {models}/resnet-nano.safetensors}}
  - &second
    name: second
    architecture: replknet-nano
    checkpoint: {models}/replknet-nano.safetensors
    preprocess: {{mean: [0.5, 0.5, 0.5], std: imagenet}}
benchmarks:
  - {{kind: imagenet-val, root: {folder}/data/val}}
  - kind: imagenet-c
    name: live
    from: {folder}/data/val
    corruptions: [pixelate, contrast]
    severities: [2, 5]
sharding: {{images: 10, attempts: 2, lease: 60s}}
"""
    # The archive is of the clean images alone: the smaller, the more of the damage is in what is read.
    (folder / "m.yaml").write_text(manifest[:manifest.index("  - kind")] + "sharding: {images: 10}\n")
    subprocess.run([GAUNTLET, "run", folder / "m.yaml", "--run", folder / "run"], check=True, capture_output=True)
    archive = (folder / "run/archive.h5").read_bytes()
    (SEEDS / "archive.h5").write_bytes(archive)
    with h5py.File(folder / "run/archive.h5") as source, h5py.File(SEEDS / "old.h5", "w", libver="earliest") as target:
        def copy(name, item):
            if isinstance(item, h5py.Group):
                made = target.require_group(name)
            else:
                made = target.create_dataset(name, data=item[()], dtype=item.dtype)
            for key, value in item.attrs.items():
                if isinstance(value, str):
                    made.attrs[key] = value
        for key, value in source.attrs.items():
            if isinstance(value, str):
                target.attrs[key] = value
        source.visititems(copy)
    # Relative, so that the manifest can be read wherever the repository lies.
    (SEEDS / "manifest.yaml").write_text(
        manifest.replace(f"{models}/", "../../../models/").replace(f"{folder}/data/val", "/"))
    with tarfile.open(SEEDS / "tree.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        for number in range(3):
            info = tarfile.TarInfo(f"val/n0{number % 2}/" + "long-" * 22 * (number == 2) + f"image-{number}.png")
            info.size, info.pax_headers = 4, {"comment": "ü"}
            tar.addfile(info, io.BytesIO(b"\x89PNG"))
        for kind, name, target in ((tarfile.SYMTYPE, "val/n00/link.png", "../n01/image-1.png"),
                                   (tarfile.LNKTYPE, "val/n00/hard.png", "val/n00/image-0.png"),
                                   (tarfile.SYMTYPE, "test", "val"), (tarfile.DIRTYPE, "empty", "")):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            tar.addfile(info)
for seed in sorted(SEEDS.iterdir()):
    print(seed.name, seed.stat().st_size)
