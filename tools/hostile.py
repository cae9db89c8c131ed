"""What ten thousand strangers cost a run: they connect while it goes on, and its time is compared with undisturbed runs.

A coordinator and a worker evaluate the miniature, in turns alone and among connections that say nothing, hang up, send
garbage, say that two gigabytes follow, speak without keys, with the wrong ones, or hold the workers' key and send what is no
message, results and failures of shards that they do not hold, what only a coordinator says, each of them twice. Every
archive must be the same; what the coordinator's memory and log grew by is printed, too.

    .venv/bin/python tools/hostile.py --connections 10000 --turns 5

The strangers use this machine's processors; on two cores the worker has one, coordinator and strangers the other.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import h5py
import zmq

ROOT = Path(__file__).resolve().parent.parent
GAUNTLET = str(ROOT / ".build/release/gauntlet")
MANIFEST = """
run: hostile
models:
  - {{architecture: replknet-nano, checkpoint: {models}/replknet-nano.safetensors}}
benchmarks:
  - {{kind: imagenet-val, root: {data}/val}}
  - {{kind: imagenet-c, root: {data}/imagenet-c, corruptions: [gaussian_noise, brightness, contrast, pixelate]}}
sharding: {{images: 20}}
"""
# Threads of strangers; each mostly waits.
CROWDS = 20
# ZMTP 3.1's greeting, of a client that wants no keys (https://rfc.zeromq.org/spec/37).
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"NULL".ljust(20, b"\0") + b"\0" + bytes(31)


# The version of wire.proto, and its messages by their numbers there.
PROTOCOL = int(re.search(r"protocolVersion: UInt32 = (\d+)", (ROOT / "Sources/Messaging/WireCodec.swift").read_text()).group(1))


def varint(value: int) -> bytes:
    low = bytes([value & 0x7F | (0x80 if value > 0x7F else 0)])
    return low + varint(value >> 7) if value > 0x7F else low


def field(number: int, value: int | bytes) -> bytes:
    """A field of protobuf."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def envelope(kind: int, body: bytes) -> bytes:
    return field(1, PROTOCOL) + field(kind, body)


class Strangers(threading.Thread):
    """Connects again and again, each time as another kind of stranger, until there were enough or the run is over."""

    def __init__(self, address: str, bundle: Path, count: int) -> None:
        super().__init__(daemon=True)
        host, port = address.removeprefix("tcp://").rsplit(":", 1)
        self.place = (host.strip("[]").removeprefix("::ffff:"), int(port))
        lines = dict(line.split(" ", 1) for line in bundle.read_text().splitlines()[1:])
        self.keys = {name: value.encode() for name, value in lines.items()}
        self.count = count
        self.made = 0
        self.answers = 0
        self.is_over = False
        self.silent: list[socket.socket] = []
        self.context = zmq.Context(io_threads=1)

    def run(self) -> None:
        kinds = [self.hang_up, self.say_nothing, self.garbage, self.huge_frame, self.no_keys, self.wrong_server, self.wrong_client, self.insider]
        for kind in itertools.islice(itertools.cycle(kinds), self.count):
            if self.is_over:
                break
            with contextlib.suppress(OSError, zmq.ZMQError):
                kind()
            self.made += 1
        while not self.is_over:
            time.sleep(0.1)
        for connection in self.silent:
            connection.close()
        self.context.destroy(linger=0)

    def connect(self) -> socket.socket:
        return socket.create_connection(self.place, timeout=10)

    def hang_up(self) -> None:
        self.connect().close()

    def say_nothing(self) -> None:
        self.silent.append(self.connect())

    def garbage(self) -> None:
        with self.connect() as connection:
            connection.sendall(os.urandom(4096))

    def huge_frame(self) -> None:
        with self.connect() as connection:
            # A long frame of two gigabytes, of which a little comes.
            connection.sendall(GREETING + b"\x06" + (2 << 30).to_bytes(8, "big") + bytes(1000))
            connection.settimeout(0.05)
            with contextlib.suppress(OSError):
                connection.recv(64)

    def no_keys(self) -> None:
        with self.connect() as connection:
            connection.sendall(GREETING)
            connection.settimeout(0.05)
            with contextlib.suppress(OSError):
                connection.recv(64)

    def dealer(self, server: bytes, public: bytes, secret: bytes) -> zmq.Socket:
        dealer = self.context.socket(zmq.DEALER)
        dealer.setsockopt(zmq.LINGER, 0)
        dealer.setsockopt(zmq.IPV6, 1)
        # One that was turned away has nobody left to send to.
        dealer.setsockopt(zmq.SNDTIMEO, 100)
        dealer.curve_serverkey, dealer.curve_publickey, dealer.curve_secretkey = server, public, secret
        dealer.connect(f"tcp://{self.place[0]}:{self.place[1]}")
        return dealer

    def wrong_server(self) -> None:
        public, _ = zmq.curve_keypair()
        dealer = self.dealer(public, self.keys["public"], self.keys["secret"])
        dealer.send(b"hello")
        # Nothing will come; time for the handshake to fail.
        dealer.poll(50)
        dealer.close()

    def wrong_client(self) -> None:
        public, secret = zmq.curve_keypair()
        dealer = self.dealer(self.keys["server"], public, secret)
        dealer.send(b"hello")
        # Nothing will come; time for the handshake to fail.
        dealer.poll(50)
        dealer.close()

    def insider(self) -> None:
        """Somebody with the workers' key whose messages are no use; each is sent twice."""
        dealer = self.dealer(self.keys["server"], self.keys["public"], self.keys["secret"])
        shard = self.made % 200
        claim = field(1, shard) + field(2, 1)
        messages = (
            b"", os.urandom(200), bytes(1 << 16),
            # Shards that somebody else holds, or nobody: a result, a failure, a heartbeat that claims one.
            envelope(4, claim + field(3, os.urandom(1000)) + field(4, 1)), envelope(5, claim + field(3, b"no") + field(4, 1)),
            envelope(3, field(1, claim)),
            # What only a coordinator says, and a message that there is none of.
            envelope(11, field(1, b"the run is done")), envelope(99, b""),
        )
        for message in messages:
            dealer.send(message)
            dealer.send(message)
        dealer.send_multipart([b"a", b"b", b"c"])
        # Until some of it was answered: what is closed before is never sent.
        for _ in range(15):
            if not dealer.poll(500):
                break
            dealer.recv()
            self.answers += 1
        dealer.close()


def peak_memory(process: subprocess.Popen[bytes]) -> float:
    """Megabytes."""
    match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    return int(match.group(1)) / 1e3 if match else float("nan")


def evaluate(work: Path, manifest: Path, strangers: int) -> tuple[float, float, int, int, int]:
    """Seconds from the worker's start to the run's end, the coordinator's memory, its lines of log, connections made, and
    answers that those with the workers' key got."""
    folder = work / "run"
    log = work / "coordinator.log"
    with log.open("wb") as output:
        coordinator = subprocess.Popen(
            [GAUNTLET, "coordinate", str(manifest), "--run", str(folder), "--listen", "tcp://127.0.0.1:*",
             "--log-format", "json"], stdout=output, stderr=output)
        while not (folder / "coordinator.json").exists():
            time.sleep(0.01)
        address = re.search(r"tcp:[^\"]+", (folder / "coordinator.json").read_text().replace("\\", "")).group(0)
        bundle = folder / "keys/worker.bundle"
        crowd = [Strangers(address, bundle, strangers // CROWDS) for _ in range(CROWDS)]
        start = time.monotonic()
        for part in crowd:
            part.start()
        worker = subprocess.Popen(
            [GAUNTLET, "work", "--run", str(folder), "--streams", "1"], stdout=output, stderr=output)
        memory = 0.0
        while coordinator.poll() is None:
            with contextlib.suppress(OSError):
                memory = max(memory, peak_memory(coordinator))
            time.sleep(0.05)
        seconds = time.monotonic() - start
        for part in crowd:
            part.is_over = True
        for part in crowd:
            part.join()
        worker.wait()
    if coordinator.returncode != 0:
        raise SystemExit(f"the coordinator ended with {coordinator.returncode}: {log.read_text()[-1000:]}")
    return seconds, memory, len(log.read_text().splitlines()), sum(part.made for part in crowd), sum(
        part.answers for part in crowd)


def digest(work: Path) -> bytes:
    archive = work / "archive.h5"
    subprocess.run([GAUNTLET, "collect", str(work / "run"), "-o", str(archive)], check=True, capture_output=True)
    with h5py.File(archive) as file:
        return b"".join(file[f"replknet-nano/{name}/logits"][...].tobytes() for name in ("imagenet-val", "imagenet-c"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--images", type=int, default=1500)
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="gauntlet-hostile-"))
    try:
        data, manifest = work / "data", work / "manifest.yaml"
        subprocess.run([GAUNTLET, "miniature", str(data), "--images", str(options.images)], check=True, capture_output=True)
        manifest.write_text(MANIFEST.format(models=ROOT / "models", data=data))
        times: dict[int, list[float]] = {0: [], options.connections: []}
        expected = None
        for _ in range(options.turns):
            for strangers in times:
                seconds, memory, lines, made, answers = evaluate(work, manifest, strangers)
                times[strangers].append(seconds)
                found = digest(work)
                expected = expected or found
                print(
                    f"{made:6d} strangers ({answers} answers): {seconds:6.2f} s, coordinator's peak memory {memory:.0f} MB, {lines} lines of log, "
                    f"archive {'equal' if found == expected else 'DIFFERS'}", flush=True)
                if found != expected:
                    raise SystemExit(1)
                shutil.rmtree(work / "run")
        quiet, loud = (statistics.median(times[key]) for key in times)
        print(f"median {quiet:.2f} s alone, {loud:.2f} s among {options.connections} strangers: {loud / quiet:.3f}x")
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
