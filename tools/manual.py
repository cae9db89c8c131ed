#!/usr/bin/env python3
"""Writes the manual pages of a built program, one a command: tools/manual.py PROGRAM FOLDER

What they say is what the program says of itself (--experimental-dump-help), so that they are never of another version.
"""

import gzip
import json
import pathlib
import subprocess
import sys

SECTION = "1"
# Options that every command has.
EVERYWHERE = {"--version", "-h, --help", "--help, -h"}


def escaped(text):
    """Text as roff takes it: no command at the start of a line, no escape within."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line.startswith((".", "'")) else line for line in text.split("\n"))


def names(argument):
    return ", ".join(("--" if one["kind"] == "long" else "-") + one["name"] for one in argument.get("names") or [])


def synopsis(argument):
    value = argument.get("valueName", "value")
    text = f"<{value}>" if argument["kind"] == "positional" else names(argument).split(", ")[0]
    if argument["kind"] == "option":
        text += f" <{value}>"
    if argument.get("isRepeating"):
        text += " ..."
    return f"[{text}]" if argument.get("isOptional") else text


def described(argument):
    head = f"<{argument.get('valueName', 'value')}>" if argument["kind"] == "positional" else names(argument)
    if argument["kind"] == "option":
        head += f" <{argument.get('valueName', 'value')}>"
    text = argument.get("abstract", "")
    default = argument.get("defaultValue")
    if default and argument["kind"] != "flag":
        text += f" [default: {default}]"
    return [".TP", f"\\fB{escaped(head)}\\fR", escaped(text) or "\\&"]


def page(command, path, version):
    title = "-".join(path)
    shown = [one for one in command.get("arguments") or [] if one.get("shouldDisplay", True)]
    lines = [f'.TH "{title.upper()}" "{SECTION}" "" "gauntlet {version}" "Gauntlet"', ".SH NAME"]
    lines += [f"{escaped(title)} \\- {escaped(command.get('abstract', ''))}", ".SH SYNOPSIS"]
    lines += [f"\\fB{escaped(' '.join(path))}\\fR " + escaped(" ".join(synopsis(one) for one in shown if names(one) not in EVERYWHERE))]
    if command.get("discussion"):
        lines += [".SH DESCRIPTION"]
        for line in command["discussion"].split("\n"):
            lines += [".PP" if not line.strip() else escaped(line.strip()), *([".br"] if line.strip() else [])]
    if shown:
        lines.append(".SH OPTIONS")
        for one in shown:
            lines += described(one)
    below = [one for one in command.get("subcommands") or [] if one["commandName"] != "help" and one.get("shouldDisplay", True)]
    if below:
        lines.append(".SH COMMANDS")
        for one in below:
            lines += [".TP", f"\\fB{escaped('-'.join([*path, one['commandName']]))}\\fR(1)", escaped(one.get("abstract", ""))]
    lines += [".SH SEE ALSO"]
    others = [title + "-" + one["commandName"] for one in below] or ["gauntlet"]
    lines.append(", ".join(f"\\fB{escaped(other)}\\fR(1)" for other in others))
    yield title, "\n".join(lines) + "\n"
    for one in below:
        yield from page(one, [*path, one["commandName"]], version)


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    dumped = subprocess.run([program, "--experimental-dump-help"], check=True, capture_output=True, text=True).stdout
    version = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout.strip()
    folder.mkdir(parents=True, exist_ok=True)
    for title, text in page(json.loads(dumped)["command"], ["gauntlet"], version):
        (folder / f"{title}.{SECTION}.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))


if __name__ == "__main__":
    main()
