#!/usr/bin/env python3
"""Opens pages as readers do and asks axe-core what of them some cannot read.

Each page is opened light, dark, 400 pixels wide, and without scripts. A violation of axe's rules, a page that is wider than its
window, an error in the console or a request for anything but the page itself is said, and the exit status is then 1.

    python tools/check_pages.py runs/miniature/report.html http://127.0.0.1:8080/ --pictures /tmp/pages

Needs Chromium (CHROMIUM, /usr/bin/chromium by default) and tools/page-requirements.txt.
"""

import argparse
import os
import pathlib
import sys

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

# How a page is looked at: name, width, colours, whether scripts run.
VIEWS = [
    ("light", 1100, "light", True),
    ("dark", 1100, "dark", True),
    ("narrow", 400, "light", True),
    ("without scripts", 1100, "light", False),
]


def address(text):
    """A file's name as an address."""
    return text if "://" in text else pathlib.Path(text).resolve().as_uri()


def violations(page):
    """What axe-core finds, a line each."""
    found = []
    for violation in Axe().run(page).response["violations"]:
        places = [" ".join(map(str, node["target"])) for node in violation["nodes"]]
        shown = "; ".join(places[:3]) + (f" and {len(places) - 3} more" if len(places) > 3 else "")
        found.append(f"{violation['id']} ({violation['impact']}): {violation['help']}: {shown}")
    return found


def check(browser, url, view, pictures, is_live):
    """What is wrong with a page under a view."""
    name, width, colours, scripts = view
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=colours, java_script_enabled=scripts
    )
    page = context.new_page()
    wrong = []
    page.on("console", lambda said: said.type == "error" and wrong.append(f"console: {said.text}"))
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    if not is_live:
        page.on("request", lambda request: request.url != url and not request.url.startswith("data:")
                and wrong.append(f"asks for {request.url}"))
    page.goto(url)
    if scripts:
        wrong += violations(page)
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            wrong.append(f"is {wide} pixels wide in a window of {width}")
    elif page.locator("main").count() and not page.locator("main").inner_text().strip():
        wrong.append("says nothing without scripts")
    if pictures:
        stem = "-".join(part for part in url.split("://")[-1].replace(".html", "").split("/")[-2:] if part)
        page.screenshot(path=f"{pictures}/{stem}-{name.replace(' ', '-')}.png", full_page=True)
    context.close()
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", nargs="+", help="files, or addresses of pages that are served")
    parser.add_argument("--pictures", help="a folder for a picture of each page and view")
    options = parser.parse_args()
    if options.pictures:
        pathlib.Path(options.pictures).mkdir(parents=True, exist_ok=True)
    count = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=["--no-sandbox"]
        )
        for text in options.pages:
            for view in VIEWS:
                wrong = check(browser, address(text), view, options.pictures, "://" in text and not text.startswith("file"))
                count += len(wrong)
                print(f"{text}, {view[0]}: {'sound' if not wrong else ''}".rstrip())
                for line in wrong:
                    print(f"  {line}")
        browser.close()
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
