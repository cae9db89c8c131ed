"""Empty tasks a second: Gauntlet's coordinator, with keys, encryption and ledger, against dask.distributed, in turns.

    python3 -m venv .venv && .venv/bin/pip install distributed && make build
    .venv/bin/python tools/peers/dispatch.py

Both have worker processes (dask) or worker connections (Gauntlet) on this machine. Dask's tasks are empty functions,
submitted at once and waited for; Gauntlet's shards are empty, leased, answered, recorded with an fsync and acknowledged.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import time
from pathlib import Path

from distributed import Client, LocalCluster

ROOT = Path(__file__).resolve().parent.parent.parent


def gauntlet(workers: int, shards: int) -> float:
    command = [str(ROOT / ".build/release/gauntlet"), "bench", "coordinator"]
    command += ["--workers", str(workers), "--shards", str(shards)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    match = re.search(r"(\d+) shards/s", output)
    if match is None:
        raise SystemExit(f"no rate in: {output}")
    return float(match.group(1))


def empty(_: int) -> None:
    return None


def dask(client: Client, tasks: int) -> float:
    start = time.perf_counter()
    client.gather(client.map(empty, range(tasks), pure=False))
    return tasks / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--dask-workers", type=int, nargs="+", default=[2, 8])
    parser.add_argument("--shards", type=int, default=20000)
    parser.add_argument("--tasks", type=int, default=2000)
    options = parser.parse_args()
    rates: dict[str, list[float]] = {}
    for _ in range(options.turns):
        rates.setdefault(f"gauntlet, {options.workers} workers", []).append(gauntlet(options.workers, options.shards))
        for workers in options.dask_workers:
            with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster:
                with Client(cluster) as client:
                    dask(client, 200)
                    rates.setdefault(f"dask, {workers} workers", []).append(dask(client, options.tasks))
    best = max(statistics.median(values) for name, values in rates.items() if name.startswith("dask"))
    for name, values in rates.items():
        median = statistics.median(values)
        print(f"{name:24s} {median:9.0f} a second (of {min(values):.0f} to {max(values):.0f}), {median / best:.1f}x")


if __name__ == "__main__":
    main()
