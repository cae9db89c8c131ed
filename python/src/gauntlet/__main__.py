"""``python -m gauntlet`` is the program, too."""

from ._program import main

main()
