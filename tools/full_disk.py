"""Every command on disks of every size: none may crash, and what follows must be as if the disk had been large.

On a small tmpfs of each size from 4 kB to 2 MB, in steps of 16 kB, each of

    collect     onto the disk, of a run elsewhere
    report      onto the disk, page and tables
    run         with its run folder on the disk
    coordinate  with its run folder on the disk, a worker elsewhere
    mend        of a run folder on the disk that lost its ledger and a part, with as much free

must end with exit status 0, or with 3 and one sentence that names the disk; nothing half-written may be left at its
place; and the same command once the disk is large must give what an undisturbed run gives.

    make full-disk                                              # root, some minutes
    .venv/bin/python tools/full_disk.py --commands collect mend --step 64
"""

from __future__ import annotations

import argparse
import collections
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py

ROOT = Path(__file__).resolve().parent.parent
GAUNTLET = os.environ.get("GAUNTLET", str(ROOT / ".build/release/gauntlet"))
COMMANDS = ["collect", "report", "run", "coordinate", "mend"]
TABLES = {"conditions.csv", "series.csv", "summary.csv", "comparisons.csv"}
# What a user is told of a disk that is full.
NAMED = re.compile(r"No space left on device \(the disk at ")

MANIFEST = """
run: small
seed: 7
models:
  - {{name: a, architecture: resnet-nano, checkpoint: {models}/resnet-nano.safetensors}}
benchmarks:
  - {{kind: imagenet-val, root: {data}/val}}
  - kind: imagenet-c
    root: {data}/imagenet-c
    corruptions: [gaussian_noise, brightness, contrast, pixelate]
    severities: [1, 3]
sharding: {{images: 5, smallest: 5, attempts: 3, lease: 10s}}
"""


class Wrong(Exception):
    """A promise that was not kept."""


class Disk:
    """A small file system in memory."""

    def __init__(self, place: Path) -> None:
        self.place = place
        place.mkdir(exist_ok=True)

    def mount(self, size: int) -> None:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(self.place)], check=True)

    def resize(self, size: int) -> None:
        subprocess.run(["mount", "-o", f"remount,size={size}", str(self.place)], check=True)

    def unmount(self) -> None:
        # A worker that was just ended may hold a file for a moment.
        subprocess.run(["umount", "-l", str(self.place)], check=True)

    def used(self) -> int:
        status = os.statvfs(self.place)
        return (status.f_blocks - status.f_bfree) * status.f_frsize


class Trial:
    """The commands, each on a disk of a size."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.manifest = work / "manifest.yaml"
        self.quiet = work / "quiet"
        self.disk = Disk(work / "disk")
        self.run_folder = self.disk.place / "run"

    def prepare(self) -> None:
        data = self.work / "data"
        self.gauntlet("miniature", data, "--images", 60)
        self.manifest.write_text(MANIFEST.format(models=ROOT / "models", data=data))
        outcome = self.gauntlet("run", self.manifest, "--run", self.quiet)
        if outcome.returncode != 0:
            raise Wrong(outcome.stderr)

    def gauntlet(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run([GAUNTLET, *map(str, arguments)], capture_output=True, text=True)

    # What is tried.

    def try_size(self, command: str, size: int) -> str:
        """Gives what the command ended with, in a word."""
        getattr(self, "before_" + command, lambda size: self.disk.mount(size))(size)
        try:
            outcome = getattr(self, command)()
            self.check_outcome(outcome)
            if command in ("run", "coordinate", "mend"):
                self.check_leftovers()
            self.disk.resize(64 << 20)
            again = getattr(self, command)()
            if again.returncode != 0:
                raise Wrong(f"with room it ends with {again.returncode}: {again.stderr}")
            getattr(self, "check_" + command)()
            return "done" if outcome.returncode == 0 else "stopped"
        finally:
            self.disk.unmount()

    def check_outcome(self, outcome: subprocess.CompletedProcess[str]) -> None:
        if outcome.returncode == 0:
            return
        errors = outcome.stderr.strip().splitlines()
        if outcome.returncode != 3:
            raise Wrong(f"it ends with {outcome.returncode}: {outcome.stderr}")
        last = [line for line in errors if line.startswith("gauntlet: ")]
        is_named = len(last) == 1 and NAMED.search(last[0]) and str(self.disk.place) in last[0]
        if not is_named or "Error Domain" in last[0] or len(last[0]) > 600:
            raise Wrong(f"it says: {outcome.stderr}")

    def check_leftovers(self) -> None:
        for place in (self.run_folder / "archive.h5", *self.run_folder.glob("parts/*/*.h5")):
            if place.exists() and b"\ngauntlet sha256 " not in place.read_bytes()[-82:]:
                raise Wrong(f"{place} is half-written")

    def check_archive(self, archive: Path) -> None:
        verified = self.gauntlet("verify", archive)
        if verified.returncode != 0:
            raise Wrong(f"verify: {verified.stdout}{verified.stderr}")
        with h5py.File(self.quiet / "archive.h5") as first, h5py.File(archive) as second:
            for model in (name for name in first if name != "provenance"):
                for benchmark in first[model]:
                    for name in ("logits", "complete", "label"):
                        pair = [file[model][benchmark][name][...].tobytes() for file in (first, second)]
                        if pair[0] != pair[1]:
                            raise Wrong(f"{model}/{benchmark}/{name} differs")

    # The commands.

    def collect(self) -> subprocess.CompletedProcess[str]:
        return self.gauntlet("collect", self.quiet, "-o", self.disk.place / "archive.h5")

    def check_collect(self) -> None:
        if (self.disk.place / "archive.h5").read_bytes() != (self.quiet / "archive.h5").read_bytes():
            raise Wrong("the archive has other bytes")
        if len(list(self.disk.place.iterdir())) != 1:
            raise Wrong(f"left: {list(self.disk.place.iterdir())}")

    def report(self) -> subprocess.CompletedProcess[str]:
        place = self.disk.place
        return self.gauntlet("report", self.quiet, "-o", place / "report.html", "--csv", place / "tables")

    def check_report(self) -> None:
        if not (self.disk.place / "report.html").read_text().rstrip().endswith("</html>"):
            raise Wrong("the page is not whole")
        found = {path.name for path in (self.disk.place / "tables").iterdir()}
        if found != TABLES:
            raise Wrong(f"tables: {sorted(found)}")

    def run(self) -> subprocess.CompletedProcess[str]:
        return self.gauntlet("run", self.manifest, "--run", self.run_folder)

    def check_run(self) -> None:
        self.check_archive(self.run_folder / "archive.h5")

    def coordinate(self) -> subprocess.CompletedProcess[str]:
        coordinator = subprocess.Popen(
            [GAUNTLET, "coordinate", str(self.manifest), "--run", str(self.run_folder)], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        while coordinator.poll() is None and not (self.run_folder / "coordinator.json").exists():
            time.sleep(0.02)
        worker = None
        if coordinator.poll() is None:
            worker = subprocess.Popen(
                [GAUNTLET, "work", "--run", str(self.run_folder), "--patience", "5"], stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL)
        output, errors = coordinator.communicate(timeout=300)
        if worker is not None:
            worker.kill()
            worker.wait()
        return subprocess.CompletedProcess([], coordinator.returncode, output, errors)

    def check_coordinate(self) -> None:
        archive = self.work / "coordinated.h5"
        collected = self.gauntlet("collect", self.run_folder, "-o", archive)
        if collected.returncode != 0:
            raise Wrong(f"collect: {collected.stderr}")
        self.check_archive(archive)

    def before_mend(self, size: int) -> None:
        """A run folder that lost its ledger and a part, on a disk with so much room left."""
        self.disk.mount(64 << 20)
        shutil.copytree(self.quiet, self.run_folder)
        for name in ("archive.h5", "report.html", "ledger.sqlite-wal", "ledger.sqlite-shm"):
            (self.run_folder / name).unlink(missing_ok=True)
        ledger = self.run_folder / "ledger.sqlite"
        ledger.write_bytes(b"no ledger" + ledger.read_bytes()[9:])
        (self.run_folder / "parts/0/3.h5").unlink()
        self.disk.resize(self.disk.used() + size)

    def mend(self) -> subprocess.CompletedProcess[str]:
        return self.gauntlet("mend", self.run_folder)

    def check_mend(self) -> None:
        resumed = self.gauntlet("resume", self.run_folder)
        if resumed.returncode != 0:
            raise Wrong(f"resume: {resumed.stderr}")
        self.check_archive(self.run_folder / "archive.h5")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commands", nargs="+", choices=COMMANDS, default=COMMANDS)
    parser.add_argument("--first", type=int, default=4, help="kB of the smallest disk")
    parser.add_argument("--last", type=int, default=2048, help="kB of the largest disk")
    parser.add_argument("--step", type=int, default=16, help="kB from one disk to the next")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("full_disk.py mounts small file systems, which only root may")
    work = Path(tempfile.mkdtemp(prefix="gauntlet-full-disk-"))
    faults = 0
    try:
        trial = Trial(work)
        trial.prepare()
        for command in options.commands:
            start = time.monotonic()
            ends: collections.Counter[str] = collections.Counter()
            for size in range(options.first, options.last + 1, options.step):
                try:
                    ends[trial.try_size(command, size << 10)] += 1
                except Wrong as wrong:
                    ends["wrong"] += 1
                    print(f"{command}, {size} kB: {wrong}", flush=True)
            faults += ends["wrong"]
            counts = ", ".join(f"{count} {end}" for end, count in sorted(ends.items()))
            print(f"{command}: {counts}, in {time.monotonic() - start:.0f} s", flush=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
