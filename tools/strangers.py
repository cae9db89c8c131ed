"""What ten thousand strangers without a key cost a run that has little memory and few files.

A coordinator that may have 1,024 files and, where this user may make cgroups, 512 MB of memory evaluates the miniature with
one worker, in turns alone and among strangers at its address and at that of --metrics: silent, slow, with frames of a quarter
of a gigabyte, half greetings, handshakes that end after WELCOME, HTTP. All are let loose as fast as they are taken, and come
again until there were enough. /healthz is asked four times a second. Coordinator and worker share one core and strangers
have another, if there are two: those would come from other machines.

    .venv/bin/python tools/strangers.py --connections 10000 --turns 3

Prints times, the coordinator's peak memory and files, and the slowest /healthz; ends with 1 where a run took more than 1.1
times as long as alone, memory passed 300 MB, or /healthz took more than two seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
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

import zmq

ROOT = Path(__file__).resolve().parent.parent
GAUNTLET = os.environ.get("GAUNTLET", str(ROOT / ".build/release/gauntlet"))
MANIFEST = """
run: strangers
models:
  - {{architecture: replknet-nano, checkpoint: {models}/replknet-nano.safetensors}}
benchmarks:
  - {{kind: imagenet-val, root: {data}/val}}
  - {{kind: imagenet-c, root: {data}/imagenet-c, corruptions: [gaussian_noise, brightness, contrast, pixelate]}}
sharding: {{images: 20}}
"""
CORES = sorted(os.sched_getaffinity(0))
FILES = 1_024
MEMORY = 512 << 20
# ZMTP 3.1's greeting of a client of CURVE (https://rfc.zeromq.org/spec/37).
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"CURVE".ljust(20, b"\0") + bytes(32)
# Strangers at once, and how long one that is not hung up on stays.
AT_ONCE = 1_500
PATIENCE = 12


def hello(server: bytes) -> bytes:
    """Greeting and HELLO of somebody who knows the coordinator's public key, as ZeroMQ sends them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        context = zmq.Context()
        dealer = context.socket(zmq.DEALER)
        dealer.linger = 0
        dealer.curve_publickey, dealer.curve_secretkey = zmq.curve_keypair()
        dealer.curve_serverkey = server
        dealer.connect("tcp://127.0.0.1:%d" % listener.getsockname()[1])
        end, _ = listener.accept()
        with end:
            end.sendall(GREETING)
            said = b""
            while len(said) < 64 + 202:
                said += end.recv(4096)
        context.destroy(linger=0)
    return said


class Strangers:
    """All of them, in a thread of their own."""

    def __init__(self, door: int, metrics: int, server: bytes, count: int) -> None:
        self.door, self.metrics, self.count = door, metrics, count
        self.hello = hello(server)
        self.made = 0
        self.is_over = False
        self.thread = threading.Thread(target=lambda: asyncio.run(self.run()), daemon=True)

    async def run(self) -> None:
        gate = asyncio.Semaphore(AT_ONCE)
        tasks: set[asyncio.Task[None]] = set()
        while self.made < self.count and not self.is_over:
            await gate.acquire()
            task = asyncio.create_task(self.stranger(self.made))
            self.made += 1
            tasks.add(task)
            task.add_done_callback(lambda task: (tasks.discard(task), gate.release()))
        while not self.is_over:
            await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def stranger(self, number: int) -> None:
        kinds = (
            (self.door, b"", False), (self.door, self.hello[:40], False), (self.door, self.hello, True),
            (self.door, GREETING + b"\x06" + (256 << 20).to_bytes(8, "big") + bytes(1 << 20), False),
            (self.door, self.hello, False), (self.door, b"GET / HTTP/1.1\r\n\r\n", False),
            (self.door, os.urandom(100), False), (self.metrics, b"", False),
            (self.metrics, b"GET /metrics HTTP/1.1\r\nX: " + b"a" * 1000, True),
            (self.metrics, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 50, False),
        )
        port, words, is_slow = kinds[number % len(kinds)]
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port), PATIENCE)
            try:
                end = time.monotonic() + PATIENCE
                if is_slow:
                    for byte in words:
                        writer.write(bytes([byte]))
                        await asyncio.sleep(0.2)
                        if reader.at_eof() or writer.is_closing() or time.monotonic() > end:
                            return
                else:
                    writer.write(words)
                    await asyncio.wait_for(writer.drain(), PATIENCE)
                while time.monotonic() < end and await asyncio.wait_for(reader.read(65536), PATIENCE):
                    pass
            finally:
                writer.transport.abort()


class Cgroup:
    """A bound on a process's memory, where this user may set one."""

    def __init__(self) -> None:
        self.path: Path | None = None
        for root, name in ((Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"), (Path("/sys/fs/cgroup"), "memory.max")):
            path = root / f"gauntlet-strangers-{os.getpid()}"
            try:
                path.mkdir()
                (path / name).write_text(str(MEMORY))
            except OSError:
                with contextlib.suppress(OSError):
                    path.rmdir()
                continue
            self.path = path
            break

    def enter(self) -> None:
        if self.path:
            (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def remove(self) -> None:
        if self.path:
            self.path.rmdir()


def health(port: int) -> float:
    """Seconds until /healthz is answered; ten where it is not, none before the server listens and after it has ended."""
    start = time.monotonic()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            if connection.recv(64).startswith(b"HTTP/1.1 200"):
                return time.monotonic() - start
    except ConnectionRefusedError:
        return 0
    except OSError:
        pass
    return 10


def evaluate(work: Path, manifest: Path, strangers: int, cgroup: Cgroup) -> tuple[float, float, int, float, int]:
    """Seconds from the worker's start to the run's end, the coordinator's peak of megabytes and files, the slowest answer of
    /healthz, and how many strangers there were."""
    folder, log = work / "run", work / "coordinator.log"
    with socket.create_server(("127.0.0.1", 0)) as free:
        metrics = free.getsockname()[1]

    def limit() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
        cgroup.enter()
        own_core()

    def own_core() -> None:
        os.sched_setaffinity(0, {CORES[-1]})

    with log.open("wb") as output:
        coordinator = subprocess.Popen(
            [GAUNTLET, "coordinate", str(manifest), "--run", str(folder), "--listen", "tcp://127.0.0.1:*", "--metrics",
             f"127.0.0.1:{metrics}", "--log-format", "json"], stdout=output, stderr=output, preexec_fn=limit)
        while not (folder / "coordinator.json").exists():
            time.sleep(0.01)
        door = int(re.search(r":(\d+)\"", (folder / "coordinator.json").read_text()).group(1))
        keys = dict(line.split(" ", 1) for line in (folder / "keys/worker.bundle").read_text().splitlines()[1:])
        crowd = Strangers(door, metrics, keys["server"].encode(), strangers)
        start = time.monotonic()
        crowd.thread.start()
        worker = subprocess.Popen(
            [GAUNTLET, "work", "--run", str(folder), "--streams", "1"], stdout=output, stderr=output, preexec_fn=own_core)
        memory, files, slowest = 0.0, 0, 0.0
        while coordinator.poll() is None:
            asked = health(metrics)
            with contextlib.suppress(OSError, AttributeError):
                status = Path(f"/proc/{coordinator.pid}/status").read_text()
                memory = max(memory, int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) / 1e3)
                files = max(files, len(os.listdir(f"/proc/{coordinator.pid}/fd")))
                slowest = max(slowest, asked if coordinator.poll() is None else 0)
            time.sleep(0.25)
        seconds = time.monotonic() - start
        crowd.is_over = True
        crowd.thread.join()
        worker.wait()
    if coordinator.returncode != 0:
        raise SystemExit(f"the coordinator ended with {coordinator.returncode}: {log.read_text()[-1000:]}")
    return seconds, memory, files, slowest, crowd.made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--images", type=int, default=1_500)
    options = parser.parse_args()
    # It tells of every connection that is hung up on.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    os.sched_setaffinity(0, CORES[:-1] or CORES)
    work = Path(tempfile.mkdtemp(prefix="gauntlet-strangers-"))
    cgroup = Cgroup()
    print(f"memory of {MEMORY >> 20} MB" if cgroup.path else "no cgroup can be made here: memory is not bounded")
    is_bad = False
    try:
        data, manifest = work / "data", work / "manifest.yaml"
        subprocess.run([GAUNTLET, "miniature", str(data), "--images", str(options.images)], check=True, capture_output=True)
        manifest.write_text(MANIFEST.format(models=ROOT / "models", data=data))
        times: dict[int, list[float]] = {0: [], options.connections: []}
        for _ in range(options.turns):
            for strangers in times:
                seconds, memory, files, slowest, made = evaluate(work, manifest, strangers, cgroup)
                times[strangers].append(seconds)
                is_bad = is_bad or memory > 300 or slowest > 2
                print(
                    f"{made:6d} strangers: {seconds:6.2f} s, coordinator's peak {memory:.0f} MB and {files} files, slowest "
                    f"/healthz {slowest:.2f} s", flush=True)
                shutil.rmtree(work / "run")
        quiet, loud = (statistics.median(times[key]) for key in times)
        print(f"median {quiet:.2f} s alone, {loud:.2f} s among {options.connections} strangers: {loud / quiet:.3f}x")
        is_bad = is_bad or loud > 1.1 * quiet
    finally:
        cgroup.remove()
        shutil.rmtree(work, ignore_errors=True)
    raise SystemExit(1 if is_bad else 0)


if __name__ == "__main__":
    main()
