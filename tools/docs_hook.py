"""What `make docs` does beyond mkdocs: pages of other folders, links out of docs/, and the Python package's pages.

Documents link to each other as they lie in the repository, so that they can be read there. In the site README.md and its
like are pages, too; other files that are linked, such as manifests, are copied into it as texts.
"""

from __future__ import annotations

import ast
import posixpath
import re
from pathlib import Path

from griffe import Extension, Object
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent

#: Files of the repository outside docs/ that are pages, and what those are called.
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "Benchmarks/RESULTS.md": "measurements.md",
    "cluster/README.md": "clusters.md",
}
_SOURCES = {page: source for source, page in PAGES.items()}
_LINK = re.compile(r"(\]\()([^)\s]+)(\))")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages of other folders, and that of the Python package."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text()))
    files.append(File.generated(config, "api.md", content=_package()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Makes links of the repository links of the site."""
    here = page.file.src_uri
    source = _SOURCES.get(here, "docs/" + here)

    def follow(match: re.Match[str]) -> str:
        return match[1] + _target(match[2], source, here, config, files) + match[3]

    pieces = _FENCE.split(markdown)
    fences = [*_FENCE.findall(markdown), ""]
    return "".join(_LINK.sub(follow, piece) + fence for piece, fence in zip(pieces, fences, strict=True))


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Names the dialog of the search, for those who hear the page."""
    return output.replace(
        'data-md-component="search" role="dialog"', 'data-md-component="search" role="dialog" aria-label="Search"'
    )


def _target(link: str, source: str, here: str, config: MkDocsConfig, files: Files) -> str:
    path, mark, anchor = link.partition("#")
    if not path or "://" in path or path.startswith("mailto:"):
        return link
    place = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
    if place in PAGES:
        target = PAGES[place]
    elif place.startswith("docs/"):
        target = place.removeprefix("docs/")
    else:
        target = _copied(place, source, config, files)
    return posixpath.relpath(target, posixpath.dirname(here) or ".") + mark + anchor


def _copied(place: str, source: str, config: MkDocsConfig, files: Files) -> str:
    """A file of the repository as a text of the site, which browsers show."""
    if not (ROOT / place).is_file():
        raise PluginError(f"{source} links to {place}, which is no file of the repository")
    target = f"repository/{place}.txt"
    if files.get_file_from_path(target) is None:
        files.append(File.generated(config, target, content=(ROOT / place).read_text()))
    return target


def _package() -> str:
    """A page with whatever `gauntlet.__all__` names, and the functions of `gauntlet.plot`."""
    package = ROOT / "python/src/gauntlet"
    names = _exported(package / "__init__.py")
    plots = [
        node.name
        for node in ast.parse((package / "plot.py").read_text()).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]
    lines = ["# Python package", "", "What `import gauntlet` gives; [Results in Python](python.md) shows it in use.", ""]
    lines += [line for name in names if name != "plot" for line in (f"::: gauntlet.{name}", "")]
    lines += ["## Plots", "", "Functions of `gauntlet.plot`.", ""]
    lines += [line for name in plots for line in (f"::: gauntlet.plot.{name}", "    options:", "      heading_level: 3", "")]
    return "\n".join(lines)


def _exported(module: Path) -> list[str]:
    for node in ast.parse(module.read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return list(ast.literal_eval(node.value))
    raise PluginError(f"{module} has no __all__")


class Doctests(Extension):
    """Puts examples of docstrings into fences: to Markdown, `>>>` is a quotation. Makes roles of Sphinx plain code."""

    def on_object(self, *, obj: Object, **_: object) -> None:
        """Changes an object's docstring as it is read."""
        if obj.docstring:
            obj.docstring.value = _fenced(re.sub(r":\w+:`~?([^`]+)`", r"`\1`", obj.docstring.value))


def _fenced(text: str) -> str:
    lines: list[str] = []
    is_open = False
    for line in text.splitlines():
        if not is_open and line.lstrip().startswith(">>> "):
            lines.append("```pycon")
            is_open = True
        elif is_open and not line.strip():
            lines.append("```")
            is_open = False
        lines.append(line)
    return "\n".join([*lines, "```"] if is_open else lines)
