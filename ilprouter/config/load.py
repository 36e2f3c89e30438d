"""One file to a checked table: read, parse, validate, read secret files.

Never opens a socket and changes no file; which files there are is in documents.
"""

from __future__ import annotations

import logging
import os
import re
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from ilprouter.config.checks import RULES
from ilprouter.config.errors import explain
from ilprouter.config.origins import Origins
from ilprouter.config.secret import Secret
from ilprouter.config.types import Config
from ilprouter.errors import ConfigError

TOKEN = re.compile(r"[\x21-\x7e]{1,1024}")
FILE_BYTES_MAX = 64 * 1024 * 1024  # 100 000 routes are about 6 MB
SECRET_BYTES_MAX = 64 * 1024
# Keys that hold a path; a relative one is taken from the directory of the file it stands in.
PATHS = {
    "node": ("data_dir",),
    "admin": ("socket", "token_file"),
    "listen": ("cert", "key", "client_ca"),
    "link": ("incoming_tokens_file", "outgoing_token_file", "ca", "cert", "key"),
    "settlement": ("token_file", "outgoing_token_file"),
}

Warn = Callable[[str], None]


def parse(text: str, name: str = "<text>") -> Config:
    """The configuration of one TOML text, for tests and tools; secret files are read too.

    raises   ConfigError, as `load`
    """
    raw = parse_toml(name, text)
    convert(name, raw)
    resolve(Path(name).absolute(), raw, logging.getLogger(__name__).warning)
    origins = Origins(name)
    origins.add(name, raw)
    config = convert(name, origins.merged)
    for rule in RULES:
        for breach in rule(config, origins):
            raise breach
    return config


def read(file: Path) -> dict[str, Any]:
    """One file's TOML. Raises ConfigError naming the line and column of a syntax error."""
    try:
        if file.stat().st_size > FILE_BYTES_MAX:
            raise ConfigError(str(file), "file", "too large", f"at most {FILE_BYTES_MAX} bytes")
        content = file.read_bytes()
    except OSError as error:
        raise ConfigError(str(file), "file", error.strerror, "a readable TOML file") from None
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(str(file), "file", f"byte {error.start} is not UTF-8", "UTF-8") from None
    return parse_toml(str(file), text)


def parse_toml(name: str, text: str) -> dict[str, Any]:
    """TOML text to a dict; a ConfigError names the place of a syntax error."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(name, "syntax", str(error) or "nested too deep", "TOML 1.0") from None


def convert(file: str, raw: dict[str, Any]) -> Config:
    """The struct of one parsed file, every key known and in range."""
    try:
        return msgspec.convert(raw, Config, dec_hook=decode)
    except msgspec.ValidationError as error:
        raise explain(file, raw, error) from None


def decode(kind: type, value: Any) -> Any:
    """Make a Secret of text that can travel in an Authorization header."""
    if kind is not Secret:
        raise NotImplementedError(kind)
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str) or TOKEN.fullmatch(value) is None:
        raise ValueError("not a token")
    return Secret(value)


def resolve(file: Path, raw: dict[str, Any], warn: Warn) -> None:
    """Make the paths of one parsed file absolute and put the contents of its secret files in."""
    absolute(file, raw.get("node", {}), PATHS["node"])
    admin = raw.get("admin", {})
    absolute(file, admin, PATHS["admin"])
    inline(file, "admin", admin, "token", "token_file", warn)
    for entry in raw.get("listen", []):
        absolute(file, entry, PATHS["listen"])
    for number, peer in enumerate(raw.get("peer", [])):
        link = peer["link"]
        absolute(file, link, PATHS["link"])
        key = f"peer[{number}].link"
        inline(file, key, link, "outgoing_token", "outgoing_token_file", warn)
        if "incoming_tokens_file" in link:
            tokens = secrets(
                file, f"{key}.incoming_tokens_file", link["incoming_tokens_file"], warn
            )
            link["incoming_tokens"] = [*link.get("incoming_tokens", []), *tokens]
        if (settlement := peer.get("settlement")) is not None:
            absolute(file, settlement, PATHS["settlement"])
            key = f"peer[{number}].settlement"
            for name in ("token", "outgoing_token"):
                inline(file, key, settlement, name, f"{name}_file", warn)


def absolute(file: Path, table: dict[str, Any], keys: tuple[str, ...]) -> None:
    """Take relative paths from the directory of the file they stand in."""
    for key in keys:
        if key in table:
            table[key] = str(file.parent.absolute() / table[key])


def inline(
    file: Path, key: str, table: dict[str, Any], name: str, file_name: str, warn: Warn
) -> None:
    """Replace `<name>_file` by its content under `<name>`."""
    if file_name not in table:
        return
    if name in table:
        raise ConfigError(
            str(file), f"{key}.{file_name}", table[file_name], f"either {name} or {file_name}"
        )
    found = secrets(file, f"{key}.{file_name}", table[file_name], warn)
    if len(found) != 1:
        raise ConfigError(
            str(file), f"{key}.{file_name}", table[file_name], "a file with exactly one token"
        )
    table[name] = found[0]


def secrets(file: Path, key: str, path: str, warn: Warn) -> list[Secret]:
    """The tokens of a secret file, one a line, blank lines and lines starting with # left out."""
    try:
        with open(path, "rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            content = opened.read(SECRET_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(str(file), key, path, f"a readable file ({error.strerror})") from None
    if mode & stat.S_IROTH:
        warn(f"{path} holds secrets and can be read by every user: chmod 0640 {path}")
    lines = [line.strip() for line in content.decode("latin-1").splitlines()]
    found = [line for line in lines if line and not line.startswith("#")]
    if len(content) > SECRET_BYTES_MAX or not found or not all(map(TOKEN.fullmatch, found)):
        raise ConfigError(
            str(file),
            key,
            path,
            "a file of tokens, one a line, visible ASCII characters, no spaces",
        )
    return [Secret(line) for line in found]
