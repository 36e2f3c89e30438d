"""The one configuration file that orders write: replaced as a whole, durable, and undone on demand.

Owns how it is written. Knows no key: what it holds was checked before.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ilprouter.config.text import document
from ilprouter.errors import AdminError

HEADER = """\
# Written by orders of the admin API (?persist=true) and replaced by the next one.
# To take an entry over, move it to a file of yours and reload.
"""


class OwnFile:
    """One replacement of the file.

    path   where it is; the directory is made when it is missing
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.before: bytes | None = None
        self.written = False

    def write(self, raw: Mapping[str, Any]) -> None:
        """Put these tables into the file. When this returns, they survive power loss.

        raises   AdminError with the reason, with the file as it was
        """
        try:
            self.path.parent.mkdir(mode=0o750, exist_ok=True)
            self.before = self.path.read_bytes() if self.path.exists() else None
            self.replace((HEADER + "\n" + document(raw)).encode())
        except OSError as error:
            raise AdminError(
                f"{self.path} cannot be written: {error.strerror or error}",
                "Let the router's user write there, or order it without persist.",
            ) from None
        self.written = True

    def undo(self) -> None:
        """Put back what was there before `write`; nothing when nothing was written."""
        if not self.written:
            return
        if self.before is None:
            self.path.unlink(missing_ok=True)
        else:
            self.replace(self.before)
        self.written = False

    def replace(self, content: bytes) -> None:
        """A new file under the old name, readable by nobody else: it may hold tokens."""
        temporary = self.path.with_name(f".{self.path.name}.new")
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, self.path)
        directory = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
