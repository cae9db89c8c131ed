"""Looks at a run's live page in a browser while the run goes on, and after its coordinator was killed.

Starts `gauntlet run` of the miniature with its live page, opens the page in headless Chromium in light and dark and at a
phone's width, lets axe look for what keeps people out, sees it fill, kills the coordinator (SIGKILL), resumes the run and sees
the open pages come back by themselves and fill to the end. Pictures of the page lie in the output folder.

    .venv-pages/bin/python tools/check_live_page.py --output runs/live-page

Needs Chromium, the Python packages of tools/page-requirements.txt, and the miniature's data (`make run` draws it); with h5py
the last figures are compared with the archive's. Ends with 1 where something is not as it should be.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
GAUNTLET = os.environ.get("GAUNTLET", str(ROOT / ".build/release/gauntlet"))
VIEWS = {
    "light": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light", "device_scale_factor": 2},
}
FIRST_PAINT = 1.0


class Run:
    """A `gauntlet` that computes, and what it says."""

    def __init__(self, *arguments: str) -> None:
        # One thread: the page is watched by the other processor.
        self.process = subprocess.Popen(
            [GAUNTLET, *arguments, "--streams", "1"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True)
        self.lines: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        self.lines.extend(self.process.stdout)

    def address(self) -> str:
        for _ in range(1200):
            for line in list(self.lines):
                if found := re.match(r"live page: (\S+)", line):
                    return found.group(1)
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise SystemExit("no live page was told of:\n" + "".join(self.lines))

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Checks:
    """What was looked at, and what was wrong."""

    def __init__(self) -> None:
        self.failures = 0

    def __call__(self, holds: bool, what: str) -> None:
        print(("ok    " if holds else "WRONG ") + what, flush=True)
        self.failures += not holds


def done(page: Page) -> float:
    return float(page.get_attribute("#bar", "aria-valuenow") or 0)


def wait(what: str, condition, page: Page, seconds: float = 120) -> bool:
    """Looks until something holds; the page goes on meanwhile."""
    end = time.time() + seconds
    while time.time() < end:
        if condition():
            return True
        page.wait_for_timeout(250)
    print(f"waited in vain: {what}")
    return False


def look(page: Page, name: str, check: Checks, output: Path) -> None:
    page.screenshot(path=str(output / f"{name}.png"), full_page=True)
    violations = Axe().run(page).response["violations"]
    for violation in violations:
        print("   ", violation["id"], violation["help"], [node["html"][:120] for node in violation["nodes"][:3]])
    check(not violations, f"{name}: axe finds nothing")
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    check(wide <= 0, f"{name}: nothing is wider than the window ({wide} px)")


def keyboard(page: Page, check: Checks) -> None:
    page.locator("#grid td.cell").first.focus()
    page.keyboard.press("ArrowRight")
    label = page.evaluate("document.activeElement.getAttribute('aria-label')")
    detail = page.locator("#grid .detail").inner_text()
    check(bool(label) and label == detail, f"arrows lead from cell to cell, and the cell is told of: {label}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "runs/live-page")
    parser.add_argument("--manifest", default=str(ROOT / "manifests/miniature.yaml"))
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="the browser's program")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    check = Checks()
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        folder = f"{scratch}/run"
        run = Run("run", options.manifest, "--run", folder)
        address = run.address()
        browser = playwright.chromium.launch(executable_path=options.chromium, args=["--no-sandbox"])
        pages: dict[str, Page] = {}
        errors: list[str] = []
        for name, view in VIEWS.items():
            page = browser.new_context(**view).new_page()
            page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.goto(address)
            pages[name] = page
        page = pages["light"]
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 1e9") / 1e3
        check(paint < FIRST_PAINT, f"first paint after {paint:.2f} s")
        check(wait("it fills", lambda: 5 <= done(page), page), "the page fills while the run goes on")
        check(page.locator("#phase").inner_text() == "Running", "it says that the run goes on")
        check(page.locator("#workers li").count() == 1, "it has the worker")
        wait("the last view has it, too", lambda: 5 <= done(pages["phone"]), pages["phone"])
        for name, view in pages.items():
            look(view, f"running-{name}", check, options.output)
        keyboard(page, check)
        plain = browser.new_context(java_script_enabled=False).new_page()
        plain.goto(address)
        check("images" in plain.locator("body").inner_text() and plain.locator("table").count() == 1,
              "without scripts the page says the state")
        plain.screenshot(path=str(options.output / "plain.png"), full_page=True)
        status = subprocess.run([GAUNTLET, "status", folder, "--json"], capture_output=True, text=True, check=True)
        check(json.loads(status.stdout).get("live") == address, "gauntlet status has the address")

        before = done(page)
        run.kill()
        lost = wait("it notices", lambda: page.get_attribute("#phase", "data-phase") == "lost", page)
        check(lost, f"the page says that the connection is lost, at {before} %")
        look(page, "lost-light", check, options.output)
        errors.clear()
        status = subprocess.run([GAUNTLET, "status", folder, "--json"], capture_output=True, text=True, check=True)
        check("live" not in json.loads(status.stdout), "gauntlet status has no address any more")
        run = Run("resume", folder)
        check(run.address() == address, "the resumed run has the same address")
        back = wait("it comes back", lambda: page.locator("#phase").inner_text() == "Running", page)
        check(back and done(page) >= before - 1, "the page comes back by itself and has not lost anything")
        counted = wait("it counts anew", lambda: "recounted" not in page.locator("#counting").inner_text(), page, 60)
        check(counted, "figures of before are counted anew")
        look(page, "resumed-light", check, options.output)
        ended = wait("it ends", lambda: page.locator("#phase").inner_text() == "Done", page, 600)
        check(ended and done(page) == 100, "the page fills to the end")
        run.process.wait()
        shown = page.locator("#grid td.cell b").all_inner_texts()
        check(same(shown, folder), f"its last figures are the archive's: {' '.join(shown)}")
        for name, view in pages.items():
            look(view, f"done-{name}", check, options.output)
        errors = [error for error in errors if "ERR_CONNECTION" not in error and "ERR_INCOMPLETE" not in error]
        check(not errors, f"the browser complains of nothing {errors}")
        browser.close()
    sys.exit(1 if check.failures else 0)


def same(shown: list[str], folder: str) -> bool:
    """Whether the shares of right answers on benchmarks of one condition are those of the archive, models by rows."""
    try:
        import h5py
    except ImportError:
        print("    no h5py, so not compared with the archive")
        return True
    with h5py.File(f"{folder}/archive.h5") as archive:
        plan = json.loads((Path(folder) / "plan.json").read_text())
        models = [model["name"] for model in plan["manifest"]["models"]]
        benchmarks = [benchmark["name"] for benchmark in plan["manifest"]["benchmarks"]]
        for row, model in enumerate(models):
            for column, benchmark in enumerate(benchmarks):
                text = shown[row * len(benchmarks) + column]
                group = archive[model][benchmark]
                if "top1" not in group or "%" in text:
                    continue
                if abs(float(text) - 100 * group["top1"][()].mean()) > 0.051:
                    print("   ", model, benchmark, text, 100 * group["top1"][()].mean())
                    return False
    return True


if __name__ == "__main__":
    main()
