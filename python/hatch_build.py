"""Puts the program into wheels: `make wheel` names its folder, as tools/dist.py made it, in GAUNTLET_PROGRAM."""

import os
import pathlib

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ProgramHook(BuildHookInterface):
    """Without GAUNTLET_PROGRAM the wheel is the package alone, for any machine."""

    def initialize(self, version: str, build_data: dict) -> None:
        """Adds the folder, and the tag of what the program needs."""
        named = os.environ.get("GAUNTLET_PROGRAM")
        if self.target_name != "wheel" or version == "editable" or not named:
            return
        tree = pathlib.Path(named)
        major, minor = (tree / "share/gauntlet/glibc").read_text().strip().split(".")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-manylinux_{major}_{minor}_{os.uname().machine}"
        build_data["force_include"][str(tree)] = "gauntlet/program"
