"""Runs one command in this process."""

import pytest

from ilprouter.cli import main


def run(capsys, *args):
    """(exit code, stdout, stderr) of one command."""
    with pytest.raises(SystemExit) as caught:
        main(list(args))
    out, err = capsys.readouterr()
    return caught.value.code, out, err
