"""The command line: `main()` is what `ilprouter` runs. Owns names, flags and exit codes; no logic.

A command's module is imported when that command runs, so that `ilprouter version` costs nothing of
what `ilprouter run` needs.
"""

from ilprouter.cli.main import main

__all__ = ["main"]
