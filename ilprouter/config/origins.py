"""Where a merged key came from: file and place in that file.

Owns the merge of tables; knows no key by name.
"""

from __future__ import annotations

from typing import Any

from ilprouter.config.secret import Secret
from ilprouter.errors import ConfigError


class Origins:
    """Remembers, while files are merged, which file each key and each list entry is from.

    main   path of the main file: where a key that is missing everywhere belongs
    """

    def __init__(self, main: str) -> None:
        self.main = main
        self.merged: dict[str, Any] = {}
        self._keys: dict[str, str] = {}
        self._entries: dict[tuple[str, int], tuple[str, int]] = {}

    def add(self, file: str, raw: dict[str, Any]) -> None:
        """Merge one file: lists are joined, a table's keys may each be set in one file only.

        raises   ConfigError for a key that an earlier file has set
        """
        for section, content in raw.items():
            if isinstance(content, list):
                entries = self.merged.setdefault(section, [])
                for number, entry in enumerate(content):
                    self._entries[section, len(entries)] = (file, number)
                    entries.append(entry)
                continue
            table = self.merged.setdefault(section, {})
            for name, value in content.items():
                key = f"{section}.{name}"
                if name in table:
                    shown = Secret("") if "token" in name else value
                    raise ConfigError(file, key, shown, f"a key set once; {self._keys[key]} has it")
                table[name] = value
                self._keys[key] = file

    def error(self, key: str, value: object, accepted: str) -> ConfigError:
        """The ConfigError of a merged key, with the file it is from and its place there."""
        section, bracket, rest = key.partition("[")
        if bracket and "." not in section:
            number, _, tail = rest.partition("]")
            file, local = self._entries[section, int(number)]
            return ConfigError(file, f"{section}[{local}]{tail}", value, accepted)
        return ConfigError(self._keys.get(key, self.main), key, value, accepted)
