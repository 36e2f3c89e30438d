"""The files of a configuration as parsed documents, edits of entries, and the way to a Config.

Owns which file an entry stands in and which file orders write to. Knows no running part and no
socket.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from ilprouter.config.checks import RULES, advice
from ilprouter.config.load import Warn, convert, read, resolve
from ilprouter.config.origins import Origins
from ilprouter.config.secret import Secret
from ilprouter.config.types import Config
from ilprouter.errors import ConfigError

__all__ = [
    "OWN_FILE",
    "Document",
    "broken_rules",
    "compose",
    "edit",
    "entry",
    "examine",
    "examine_documents",
    "load",
    "of_config",
    "owner",
    "read_documents",
    "replace_section",
]

OWN_FILE = "admin-api.toml"  # in conf.d: the one file that orders write
REQUEST = "the order"  # what an error names instead of a file
KEYS = {"peer": "name", "route": "prefix", "rate": "code"}  # what identifies an entry of a list


@dataclass(frozen=True, slots=True)
class Document:
    """One file.

    raw        as the file says it; never changed
    resolved   the same with absolute paths and with the contents of secret files
    """

    file: Path
    raw: Mapping[str, Any]
    resolved: Mapping[str, Any]

    @classmethod
    def of(cls, file: Path, raw: Mapping[str, Any], warn: Warn) -> Document:
        """Check one file for itself. Raises ConfigError: unknown or wrong key, missing secret."""
        convert(str(file), dict(raw))
        resolved = apart(raw)
        resolve(file, resolved, warn)
        return cls(file, raw, resolved)


def load(path: str | os.PathLike[str], warn: Warn | None = None) -> Config:
    """The configuration of a file and of `conf.d/*.toml` beside it.

    path     the main file
    warn     told of what works but is probably not meant; the log of this module when None
    raises   ConfigError, the first problem found; nothing else for any content of the files
    """
    config, breaches = examine(path, warn)
    if breaches:
        raise breaches[0]
    return config


def examine(
    path: str | os.PathLike[str], warn: Warn | None = None
) -> tuple[Config, list[ConfigError]]:
    """As `load`, with every broken rule between keys instead of the first.

    raises   ConfigError for what keeps the file from being read at all: syntax, a wrong or unknown
    key
    """
    tell = warn or logging.getLogger(__name__).warning
    return examine_documents(read_documents(Path(path), tell), tell)


def apart(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A copy in which every table that `resolve` writes to is a new one."""
    copy = dict(raw)
    for name in ("node", "admin"):
        if name in copy:
            copy[name] = dict(copy[name])
    if "listen" in copy:
        copy["listen"] = [dict(entry) for entry in copy["listen"]]
    if "peer" in copy:
        copy["peer"] = [
            {key: dict(value) if isinstance(value, dict) else value for key, value in entry.items()}
            for entry in copy["peer"]
        ]
    return copy


def read_documents(main: Path, warn: Warn) -> tuple[Document, ...]:
    """The main file and `conf.d/*.toml` beside it, in the order they are merged.

    raises   ConfigError for what keeps a file from being read: syntax, a wrong or unknown key
    """
    files = [main, *sorted(main.parent.glob("conf.d/*.toml"))]
    return tuple(Document.of(file, read(file), warn) for file in files)


def compose(documents: Iterable[Document], main: str = "") -> tuple[Config, Origins]:
    """Merge the documents into one Config, not yet checked by the rules between keys.

    raises   ConfigError for a key set twice
    """
    parts = tuple(documents)
    origins = Origins(main or (str(parts[0].file) if parts else ""))
    for part in parts:
        origins.add(str(part.file), dict(part.resolved))
    return convert(origins.main, origins.merged), origins


def broken_rules(config: Config, origins: Origins) -> list[ConfigError]:
    """Every rule between keys that a configuration breaks."""
    return [breach for rule in RULES for breach in rule(config, origins)]


def examine_documents(
    documents: Iterable[Document], warn: Warn
) -> tuple[Config, list[ConfigError]]:
    """Merge and check; `warn` is told of what works but is probably not meant."""
    config, origins = compose(documents)
    breaches = broken_rules(config, origins)
    if not breaches:
        for line in advice(config):
            warn(line)
    return config, breaches


def owner(documents: Iterable[Document], section: str, key: str) -> Path | None:
    """The file that defines the peer, route or rate of that name; None when none does."""
    name = KEYS[section]
    for part in documents:
        if any(entry.get(name) == key for entry in part.raw.get(section, ())):
            return part.file
    return None


def entry(documents: Iterable[Document], section: str, key: str) -> dict[str, Any] | None:
    """The peer, route or rate of that name as its file says it."""
    name = KEYS[section]
    for part in documents:
        for found in part.raw.get(section, ()):
            if found.get(name) == key:
                return dict(found)
    return None


def edit(
    documents: tuple[Document, ...],
    own: Path,
    section: str,
    key: str,
    value: Mapping[str, Any] | None,
    warn: Warn,
) -> tuple[Document, ...]:
    """The documents with one entry added, replaced where it stands, or removed.

    own       the file that a new entry goes to; it is added when it is not there
    value     the entry as a file would say it; None removes it
    raises    ConfigError when the entry alone is wrong, naming the order instead of a file
    """
    if value is not None:
        convert(REQUEST, {section: [value]})
    name, place = KEYS[section], owner(documents, section, key)
    if place is None:
        if value is None:
            return documents
        place = own
        if all(part.file != own for part in documents):
            documents = (*documents, Document(own, {}, {}))

    def entries(part: Document) -> list[Any]:
        kept = []
        found = False
        for item in part.raw.get(section, ()):
            if item.get(name) != key:
                kept.append(item)
            elif value is not None and not found:
                kept.append(value)
                found = True
        return kept if found or value is None else [*kept, value]

    return tuple(
        Document.of(part.file, {**part.raw, section: entries(part)}, warn)
        if part.file == place
        else part
        for part in documents
    )


def replace_section(
    documents: tuple[Document, ...],
    own: Path,
    section: str,
    values: Iterable[Mapping[str, Any]],
    warn: Warn,
) -> tuple[Document, ...]:
    """The documents with every entry of a list taken out, and these put into `own` instead.

    raises   ConfigError when an entry is wrong
    """
    listed = [dict(value) for value in values]
    convert(REQUEST, {section: listed})
    if all(part.file != own for part in documents):
        documents = (*documents, Document(own, {}, {}))
    changed = []
    for part in documents:
        if part.file == own:
            changed.append(Document.of(own, {**part.raw, section: listed}, warn))
        elif section in part.raw:
            without = {key: value for key, value in part.raw.items() if key != section}
            changed.append(Document.of(part.file, without, warn))
        else:
            changed.append(part)
    return tuple(changed)


def of_config(config: Config, file: Path) -> tuple[Document, ...]:
    """One document that says what a Config says, for a router that was not started from a file."""
    raw: dict[str, Any] = plain(config)
    return (Document(file, raw, raw),)


def plain(value: Any) -> Any:
    """A Config as the dicts and lists of a file, keys at their default left out.

    Tokens stay Secret, so that none is written by accident; the files they came from are left out,
    since their contents are there.
    """
    if isinstance(value, Secret) or not isinstance(value, (msgspec.Struct, tuple, dict)):
        return value
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    kind = type(value).__struct_config__
    found: dict[str, Any] = {}
    if kind.tag is not None and kind.tag_field is not None:
        found[kind.tag_field] = kind.tag
    for field in msgspec.structs.fields(value):
        content = getattr(value, field.name)
        if field.name.endswith("_file"):
            continue
        if content is not None and content != field.default:
            found[field.encode_name] = plain(content)
    return found
