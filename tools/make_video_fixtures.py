"""Writes the fixtures of MP4 reading: short H.264 files as ImageNet-P has them, and their frames as RGB.

    python3 -m venv .venv && .venv/bin/pip install av numpy
    .venv/bin/python tools/make_video_fixtures.py

The frames beside each file are FFmpeg's planes, turned into RGB here in floating point: BT.601, studio range, each pixel
with the chroma sample that covers it.
"""

from pathlib import Path

import av
import numpy as np

FOLDER = Path(__file__).parent.parent / "Tests/VideosTests/Fixtures"
WIDTH, HEIGHT, FRAMES = 40, 30, 12


def picture(number):
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    image = np.stack([rows * 8, columns * 6, 250 - rows * 4 - columns], -1)
    image[6:18, 4 + number * 2:14 + number * 2] = (230, 40, 60)
    image[20:28, 30 - number:36 - number] = (20, 200, 40)
    return np.clip(image, 0, 255).astype(np.uint8)


def encode(path, layout, **options):
    with av.open(str(path), "w", options={"fflags": "+bitexact", **options}) as container:
        stream = container.add_stream("libx264", rate=1, options={"crf": "16", "preset": "veryslow", "bf": "3"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, layout
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def rgb(frame):
    planes = [
        np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, :plane.width].astype(float)
        for plane in frame.planes
    ]
    shift = 2 if frame.format.name == "yuv420p" else 1
    luma = (planes[0] - 16) / 219
    u, v = ((plane - 128).repeat(shift, 0).repeat(shift, 1)[:HEIGHT, :WIDTH] / 224 for plane in planes[1:])
    image = np.stack([luma + 1.402 * v, luma - (0.299 * 1.402 * v + 0.114 * 1.772 * u) / 0.587, luma + 1.772 * u], -1)
    return np.clip(np.rint(image * 255), 0, 255).astype(np.uint8)


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    encode(FOLDER / "index-first.mp4", "yuv420p", movflags="+faststart")
    for layout in ("yuv420p", "yuv444p"):
        path = FOLDER / f"{layout}.mp4"
        encode(path, layout)
        with av.open(str(path)) as container:
            frames = [rgb(frame) for frame in container.decode(video=0)]
        assert len(frames) == FRAMES
        np.stack(frames).tofile(FOLDER / f"{layout}.rgb")


if __name__ == "__main__":
    main()
