"""Runs that everything happens to, on this machine: each archive must be the one of a run that nothing happened to.

A coordinator and workers, some of them behind a link that can be cut, evaluate the miniature while faults strike at
random. Of our own processes and files: SIGKILL, SIGSTOP and SIGTERM of either, damaged and missing parts, a ledger's journal
that is cut, links that stall and break. Of the world around them: a disk that is full, a quota, a disk of logs that is full,
standard error that is closed or left by its reader, data that go away and come back, a node whose reads fail, a run folder
that is moved away and back, clocks that jump, locks that are granted to everybody, and a coordinator on another host.
What ends is started again, as a batch system would; after damage to the disk `gauntlet mend` comes first, as the runbook
says; and what was set aside is taken up with `--failed`.

    make chaos                                     # ten minutes
    .venv/bin/python tools/chaos.py --minutes 2 --seed 3
    .venv/bin/python tools/chaos.py --only "data gone" "reads fail"

Full disks need root (small tmpfs), clocks Debian's package faketime, and failing reads, quotas and lying locks a C compiler
for tools/chaos_shim.c; without, those faults are left out.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import errno
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
GAUNTLET = os.environ.get("GAUNTLET", str(ROOT / ".build/release/gauntlet"))
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
WORKERS = 4

# What may happen, and what it needs.
OURS = [
    "worker killed", "worker killed", "coordinator killed", "worker stopped", "coordinator stopped", "worker told to end",
    "coordinator told to end", "link cut", "link stalled", "part damaged", "part removed", "ledger's journal cut",
]
WORLDS = ["data gone", "run folder moved", "stderr closed", "stderr's reader gone", "another host coordinates"]
OF_DISKS = ["disk full", "disk of logs full"]
OF_SHIM = ["reads fail", "reads fail", "quota exceeded", "locks lie"]
OF_CLOCK = ["clock jumped"]

MANIFEST = """
run: chaos
seed: 7
models:
  - {{name: replknet-nano, architecture: replknet-nano, checkpoint: {models}/replknet-nano.safetensors}}
  - {{name: vit-nano, architecture: vit-nano, checkpoint: {models}/vit-nano.safetensors}}
benchmarks:
  - {{kind: imagenet-val, root: {data}/val}}
  - {{kind: imagenet-c, root: {data}/imagenet-c, corruptions: [gaussian_noise, brightness, contrast, pixelate]}}
# Every loss counts against a shard, and here most shards meet one.
sharding: {{images: 40, smallest: 10, seconds: 0.1s, attempts: 50, lease: 4s}}
"""


class Failure(Exception):
    """A promise that was not kept."""


class Relay:
    """A link between workers and coordinator that can be cut and stalled."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.is_cut = False
        self.flows = asyncio.Event()
        self.flows.set()
        self.writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.is_cut:
                raise ConnectionError
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        self.writers |= {writer, far_writer}
        await asyncio.gather(self.pump(reader, far_writer), self.pump(far_reader, writer))
        self.writers -= {writer, far_writer}

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while block := await reader.read(1 << 16):
                await self.flows.wait()
                writer.write(block)
                await writer.drain()
        except OSError:
            pass
        writer.transport.abort()

    def cut(self) -> None:
        self.is_cut = True
        for writer in self.writers:
            writer.transport.abort()

    def heal(self) -> None:
        self.is_cut = False


class Storm:
    """One run and what happens to it."""

    def __init__(self, folder: Path, manifest: Path, dice: random.Random, kinds: list[str], shim: Path | None) -> None:
        self.folder = folder
        self.manifest = manifest
        self.data = manifest.parent / "data"
        self.dice = dice
        self.kinds = kinds
        self.shim = shim
        self.faults: collections.Counter[str] = collections.Counter()
        self.coordinator: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes] | None] = [None] * WORKERS
        # Not on the disk that fills, but on one that does by itself.
        self.log = (manifest.parent / "logs/storm.log").open("ab")
        self.next_errors: str | None = None
        self.is_deaf = False
        self.takes_up_failed = False
        self.clock = manifest.parent / "clock"
        self.clock.write_text("+0")
        self.mended = 0
        self.completed = 0
        self.discarded = 0
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.relay = Relay(self.port)

    # What a batch system does.

    def start(self, name: str, *arguments: str, errors: str | None = None) -> subprocess.Popen[bytes]:
        """A process with everything around it that may lie."""
        environment = dict(os.environ)
        preloaded = [str(self.shim)] if self.shim else []
        if self.shim:
            environment["CHAOS_FAULTS"] = str(self.faults_of(name))
        if FAKETIME is not None:
            preloaded.append(str(FAKETIME))
            environment |= {
                "FAKETIME_TIMESTAMP_FILE": str(self.clock), "FAKETIME_CACHE_DURATION": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }
        if preloaded:
            environment["LD_PRELOAD"] = ":".join(preloaded)
        command = [GAUNTLET, *arguments]
        match errors:
            case "closed":
                shell = ["sh", "-c", 'exec "$0" "$@" 2>&-']
                return subprocess.Popen([*shell, *command], stdout=self.log, env=environment)
            case "left":
                reader, writer = os.pipe()
                os.close(reader)
                process = subprocess.Popen(command, stdout=self.log, stderr=writer, env=environment)
                os.close(writer)
                return process
            case _: return subprocess.Popen(command, stdout=self.log, stderr=self.log, env=environment)

    def faults_of(self, name: str) -> Path:
        """What the shim in a process does."""
        return self.manifest.parent / f"faults-{name}"

    def start_coordinator(self) -> None:
        first = [] if (self.folder / "plan.json").exists() else [str(self.manifest)]
        failed = ["--failed"] if self.takes_up_failed and not first else []
        self.is_deaf = self.next_errors is not None
        self.coordinator = self.start(
            "coordinator", "coordinate", *first, "--run", str(self.folder), "--listen", f"tcp://127.0.0.1:{self.port}",
            "--keep-workers", *failed, errors=self.next_errors)
        self.next_errors = None
        self.takes_up_failed = False

    def start_worker(self, index: int) -> None:
        keys = self.folder / "keys/worker.bundle"
        if not keys.exists() or not (self.folder / "plan.json").exists():
            return
        where = ["--run", str(self.folder)]
        if index % 2:
            where = ["--connect", f"tcp://127.0.0.1:{self.relay.port}", "--keys", str(keys)]
        self.workers[index] = self.start(
            f"worker-{index}", "work", *where, "--streams", "1", "--batch", str(1 + 3 * index), "--patience", "30")

    def mend(self) -> None:
        """After damage to the disk, while no coordinator runs."""
        outcome = subprocess.run([GAUNTLET, "mend", str(self.folder)], capture_output=True, text=True)
        self.log.write((outcome.stdout + outcome.stderr).encode())
        if outcome.returncode != 0:
            raise Failure(f"mend ends with {outcome.returncode}: {outcome.stderr}")
        self.mended += 1

    async def tend(self) -> bool:
        """Starts what has ended; true once the run is done."""
        if self.coordinator is None or self.coordinator.poll() is not None:
            status = self.coordinator.returncode if self.coordinator else None
            if status == 0:
                return True
            # Where its last words were lost, somebody looks.
            if status == 3 and (self.is_deaf or "damaged" in self.tail()):
                self.mend()
            if status == 1:
                self.check_gaps()
                self.takes_up_failed = True
                self.completed += 1
            # One that is told to end before it listens to that ends at once, and has done nothing yet.
            if status is not None and (status not in (0, 1, 3, -signal.SIGKILL, -signal.SIGTERM)):
                raise Failure(f"the coordinator ended with {status}")
            self.start_coordinator()
        for index, worker in enumerate(self.workers):
            if worker is None or worker.poll() is not None:
                self.start_worker(index)
        return False

    def check_gaps(self) -> None:
        """After a run that ended without some results: it says which, and does not call itself whole."""
        if self.plain("status", str(self.folder)).stdout.count(" set aside") == 0:
            raise Failure("status does not say that shards were set aside")
        archive = self.manifest.parent / "gaps.h5"
        collected = self.plain("collect", str(self.folder), "-o", str(archive))
        verified = self.plain("verify", str(archive))
        archive.unlink(missing_ok=True)
        if (collected.returncode, verified.returncode) != (1, 1) or "whole and sound" in verified.stdout:
            raise Failure(f"gaps are not named: {collected.stderr}{verified.stdout}")

    def plain(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command that nothing happens to."""
        return subprocess.run([GAUNTLET, *arguments], capture_output=True, text=True)

    def tail(self) -> str:
        self.log.flush()
        return Path(self.log.name).read_text(errors="replace")[-400:]

    # What happens.

    def kill_coordinator(self) -> None:
        """Ends it if it has not; another one follows, also where it had found all done before what is damaged now."""
        if self.coordinator and self.coordinator.poll() is None:
            self.coordinator.kill()
            self.coordinator.wait()
        self.coordinator = None

    async def pause(self, process: subprocess.Popen[bytes] | None, longest: float) -> bool:
        if process is None or process.poll() is not None:
            return False
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(self.dice.uniform(0.2, longest))
        process.send_signal(signal.SIGCONT)
        return True

    def signal(self, process: subprocess.Popen[bytes] | None, number: signal.Signals) -> bool:
        if process is None or process.poll() is not None:
            return False
        process.send_signal(number)
        return True

    async def strike(self) -> None:
        kind = self.dice.choice(self.kinds)
        if await self.do(kind):
            self.faults[kind] += 1

    async def do(self, kind: str) -> bool:
        worker = self.dice.choice(self.workers)
        match kind:
            case "worker killed": return self.signal(worker, signal.SIGKILL)
            case "worker told to end": return self.signal(worker, signal.SIGTERM)
            case "worker stopped": return await self.pause(worker, 9)
            case "coordinator killed": return self.signal(self.coordinator, signal.SIGKILL)
            case "coordinator told to end": return self.signal(self.coordinator, signal.SIGTERM)
            case "coordinator stopped": return await self.pause(self.coordinator, 6)
            case "link cut":
                self.relay.cut()
                await asyncio.sleep(self.dice.uniform(0.1, 6))
                self.relay.heal()
            case "link stalled":
                self.relay.flows.clear()
                await asyncio.sleep(self.dice.uniform(0.1, 6))
                self.relay.flows.set()
            case "clock jumped":
                self.clock.write_text(f"{self.dice.choice(['+', '-'])}{self.dice.randrange(100_000)}")
            case "disk full": return await self.fill_disk(self.folder.parent)
            case "disk of logs full": return await self.fill_disk(Path(self.log.name).parent)
            case "stderr closed" | "stderr's reader gone":
                self.kill_coordinator()
                self.next_errors = "closed" if kind == "stderr closed" else "left"
            case "data gone": await self.move_away(self.data)
            case "run folder moved": return await self.move_run_folder()
            case "reads fail": await self.fail_reads()
            case "quota exceeded": await self.fail("coordinator", f"write {errno.EDQUOT} {self.folder}", 3)
            case "locks lie": return await self.coordinate_twice()
            case "another host coordinates": return await self.coordinate_elsewhere()
            case "part damaged" | "part removed": return self.damage_part(kind == "part removed")
            case "ledger's journal cut": return self.cut_journal()
        return True

    async def move_away(self, folder: Path) -> None:
        away = folder.with_name(folder.name + "-away")
        folder.rename(away)
        await asyncio.sleep(self.dice.uniform(0.2, 6))
        away.rename(folder)

    async def move_run_folder(self) -> bool:
        """A coordinator that computes into nothing must not call that a success."""
        if self.coordinator is None or self.coordinator.poll() is not None or not self.folder.exists():
            return False
        before = self.unfinished()
        away = self.folder.with_name("away")
        self.folder.rename(away)
        await asyncio.sleep(self.dice.uniform(0.2, 6))
        if self.folder.exists():
            raise Failure("the run folder was made anew while it was away")
        away.rename(self.folder)
        if self.coordinator.poll() == 0 and before and self.unfinished():
            raise Failure("the coordinator reported success while its folder was away")
        return True

    def unfinished(self) -> bool:
        return " 0 running, 0 waiting" not in self.plain("status", str(self.folder)).stdout

    async def fail(self, name: str, fault: str, longest: float) -> None:
        faults = self.faults_of(name)
        faults.write_text(fault + "\n")
        await asyncio.sleep(self.dice.uniform(0.2, longest))
        faults.unlink()

    async def fail_reads(self) -> None:
        """One node does not see the data, or only their names."""
        code = self.dice.choice(
            [errno.EIO, errno.ESTALE, errno.EACCES, errno.ENOENT, errno.ETIMEDOUT, errno.EMFILE, errno.ENOTCONN])
        kind = "read" if code in (errno.EIO, errno.ESTALE) and self.dice.random() < 0.5 else "open"
        await self.fail(f"worker-{self.dice.randrange(WORKERS)}", f"{kind} {code} {self.data}", 8)

    async def coordinate_twice(self) -> bool:
        """A second coordinator to which every lock is granted must see that there is a first."""
        if self.coordinator is None or self.coordinator.poll() is not None or not (self.folder / "owner.json").exists():
            return False
        self.faults_of("second").write_text("lock 0 /\n")
        await self.expect_refused("second")
        return True

    async def expect_refused(self, name: str) -> None:
        second = self.start(name, "coordinate", "--run", str(self.folder))
        first = self.coordinator
        for _ in range(400):
            await asyncio.sleep(0.1)
            # With the first one gone, it is the coordinator.
            if second.poll() is not None or (first is not None and first.poll() is not None):
                break
        if second.poll() is None:
            second.kill()
            second.wait()
            if first is None or first.poll() is None:
                raise Failure("a second coordinator was let in")
        elif second.returncode != 3 and (first is None or first.poll() is None):
            raise Failure(f"a second coordinator ended with {second.returncode}")

    async def coordinate_elsewhere(self) -> bool:
        """Somebody on another machine, whose locks are not seen here, says that the run is theirs."""
        record = self.folder / "owner.json"
        if not record.exists():
            return False
        self.kill_coordinator()
        owner = {
            "host": "elsewhere", "process": 4711, "began": 1, "boot": "another", "space": "another", "token": "another",
            "beat": 0,
        }

        async def live() -> None:
            while True:
                owner["beat"] += 1
                with contextlib.suppress(OSError):
                    draft = record.with_suffix(".elsewhere")
                    draft.write_text(json.dumps(owner))
                    draft.rename(record)
                await asyncio.sleep(0.5)

        life = asyncio.create_task(live())
        try:
            await asyncio.sleep(0.1)
            await self.expect_refused("elsewhere")
        finally:
            life.cancel()
        # Half of the time it ended as it should; otherwise whoever comes next finds what it left.
        if self.dice.random() < 0.5:
            record.unlink(missing_ok=True)
        return True

    async def fill_disk(self, disk: Path) -> bool:
        ballast = disk / "ballast"
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 16))
            except OSError:
                pass
            try:
                while True:
                    file.write(bytes(512))
            except OSError:
                pass
        await asyncio.sleep(self.dice.uniform(0.5, 3))
        ballast.unlink()
        return True

    def damage_part(self, is_removed: bool) -> bool:
        parts = sorted((self.folder / "parts").glob("*/*.h5"))
        if not parts:
            return False
        self.kill_coordinator()
        part = self.dice.choice(parts)
        if is_removed:
            part.unlink()
        else:
            data = bytearray(part.read_bytes())
            if self.dice.random() < 0.3:
                del data[self.dice.randrange(len(data)):]
            else:
                data[self.dice.randrange(len(data))] ^= 1 << self.dice.randrange(8)
            part.write_bytes(data)
        self.mend()
        return True

    def cut_journal(self) -> bool:
        journal = self.folder / "ledger.sqlite-wal"
        if not journal.exists():
            return False
        self.kill_coordinator()
        if not journal.exists() or journal.stat().st_size == 0:
            return False
        os.truncate(journal, self.dice.randrange(journal.stat().st_size))
        # Half of the time nobody noticed.
        if self.dice.random() < 0.5:
            self.mend()
        return True

    # The course of it.

    async def run(self, deadline: float) -> None:
        await self.relay.start()
        try:
            next_strike = time.monotonic() + 2
            started = time.monotonic()
            while not await self.tend():
                await asyncio.sleep(0.05)
                now = time.monotonic()
                if now > started + 600:
                    raise Failure("the run does not end")
                # The last run is left to finish in peace.
                if now >= next_strike and now < deadline:
                    await self.strike()
                    next_strike = time.monotonic() + self.dice.expovariate(2)
        finally:
            self.stop()

    def stop(self) -> None:
        self.log.flush()
        for process in [self.coordinator, *self.workers]:
            if process and process.poll() is None:
                process.kill()
                process.wait()
        self.relay.server.close()

    def check(self, expected: Path) -> str:
        """Compares archive and ledger with what they must be; gives a sentence."""
        archive = self.folder.parent / "storm.h5"
        self.collect(archive)
        with h5py.File(expected) as first, h5py.File(archive) as second:
            groups = [f"{model}/{name}" for model in first if model != "provenance" for name in first[model]]
            for group in groups:
                for name in ("logits", "complete", "label"):
                    a, b = first[group][name][...], second[group][name][...]
                    if a.tobytes() != b.tobytes():
                        raise Failure(f"{group}/{name} differs in {int(np.sum(a != b))} places")
                if not np.all(second[group]["complete"][...] == 1):
                    raise Failure(f"{group} is incomplete")
        archive.unlink()
        with contextlib.closing(sqlite3.connect(self.folder / "ledger.sqlite")) as ledger:
            shards = ledger.execute("SELECT count(*), sum(state = 1) FROM shards WHERE state <> 3").fetchone()
            parts = ledger.execute("SELECT count(*), count(DISTINCT shard) FROM parts").fetchone()
            attempts = ledger.execute("SELECT count(*) FROM attempts").fetchone()[0]
            self.discarded = ledger.execute("SELECT count(*) FROM errors WHERE kind = 'discarded'").fetchone()[0]
        if not shards[0] == shards[1] == parts[0] == parts[1]:
            raise Failure(f"shards {shards}, parts {parts}")
        return (
            f"{shards[0]} shards in {attempts} attempts, {self.mended} times mended, {self.completed} times completed, "
            "archive equal")

    def collect(self, archive: Path) -> None:
        """What was damaged and not noticed is found now at the latest."""
        for _ in range(2):
            outcome = subprocess.run(
                [GAUNTLET, "collect", str(self.folder), "-o", str(archive)], capture_output=True, text=True)
            if outcome.returncode == 0:
                verified = subprocess.run([GAUNTLET, "verify", str(archive)], capture_output=True, text=True)
                if verified.returncode != 0:
                    raise Failure(f"verify: {verified.stdout}{verified.stderr}")
                return
            if "mend" not in outcome.stderr:
                raise Failure(f"collect: {outcome.stderr}")
            self.mend()
            subprocess.run([GAUNTLET, "resume", str(self.folder)], check=True, capture_output=True)
        raise Failure(f"collect: {outcome.stderr}")


def mount(place: Path, megabytes: int) -> bool:
    place.mkdir()
    if os.geteuid() != 0:
        return False
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs", str(place)]
    return subprocess.run(command, capture_output=True).returncode == 0


def build_shim(work: Path) -> Path | None:
    shim = work / "shim.so"
    command = ["cc", "-shared", "-fPIC", "-O1", "-o", str(shim), str(ROOT / "tools/chaos_shim.c"), "-ldl"]
    with contextlib.suppress(FileNotFoundError):
        if subprocess.run(command).returncode == 0:
            return shim
    print("no C compiler: reads will not fail, locks will not lie", flush=True)
    return None


async def storms(
    options: argparse.Namespace, work: Path, disk: Path, kinds: list[str], shim: Path | None
) -> collections.Counter[str]:
    data, manifest = work / "data", work / "manifest.yaml"
    subprocess.run([GAUNTLET, "miniature", str(data), "--images", str(options.images)], check=True, stdout=sys.stderr)
    manifest.write_text(MANIFEST.format(models=ROOT / "models", data=data))
    quiet = work / "quiet"
    subprocess.run([GAUNTLET, "run", str(manifest), "--run", str(quiet)], check=True, capture_output=True)
    faults: collections.Counter[str] = collections.Counter()
    deadline = time.monotonic() + 60 * options.minutes
    number = 0
    while time.monotonic() < deadline:
        number += 1
        seed = options.seed * 1000 + number
        # Logs of runs that ended well are of no use, and their disk is small.
        for log in (work / "logs").glob("*"):
            log.unlink()
        storm = Storm(disk / "run", manifest, random.Random(seed), kinds, shim)
        start = time.monotonic()
        try:
            await storm.run(deadline)
            summary = storm.check(quiet / "archive.h5")
        except Failure as failure:
            kept = Path(tempfile.mkdtemp(prefix="gauntlet-chaos-failed-"))
            shutil.copytree(disk, kept, dirs_exist_ok=True)
            shutil.copy(storm.log.name, kept)
            print(f"run {number} (seed {seed}): {failure}; the run folder is in {kept}\n{storm.tail()}", flush=True)
            raise SystemExit(1) from failure
        faults += storm.faults
        print(
            f"run {number}: {storm.faults.total()} faults in {time.monotonic() - start:.0f} s, {summary}", flush=True)
        shutil.rmtree(disk / "run")
    return faults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", metavar="FAULT", help="only these, as the last lines name them")
    parser.add_argument("--images", type=int, default=400, help="validation images of the miniature")
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="gauntlet-chaos-"))
    disk = work / "disk"
    has_disk = mount(disk, 48)
    mount(work / "logs", 4)
    if not has_disk:
        print("no tmpfs can be mounted here: disks will not fill", flush=True)
    shim = build_shim(work)
    kinds = OURS + WORLDS + OF_DISKS * has_disk + OF_SHIM * (shim is not None) + OF_CLOCK * (FAKETIME is not None)
    if options.only:
        kinds = [kind for kind in kinds if kind in options.only] or sys.exit("none of these faults is possible here")
    if FAKETIME is None:
        print("libfaketime is not installed: clocks will not jump", flush=True)
    try:
        faults = asyncio.run(storms(options, work, disk, kinds, shim))
    finally:
        if has_disk:
            for place in (disk, work / "logs"):
                subprocess.run(["umount", "-l", str(place)], check=False)
        shutil.rmtree(work, ignore_errors=True)
        # What libfaketime leaves of processes that were killed.
        for leftover in Path("/dev/shm").glob("*faketime_*_*"):
            if not Path("/proc", leftover.name.rsplit("_", 1)[1]).exists():
                leftover.unlink(missing_ok=True)
    for kind, count in sorted(faults.items()):
        print(f"  {kind:24s} {count:4d}")
    print(f"{faults.total()} faults, every archive equal: nothing lost, nothing double")


if __name__ == "__main__":
    main()
