"""Secret: a token that does not show itself.

Owns redaction; knows not where the token came from or where it goes.
"""

from __future__ import annotations

import hmac

HIDDEN = "(hidden)"


class Secret:
    """Text that must not reach a log, an error, a dump or a command's output.

    Shows as `(hidden)` everywhere; `reveal()` is the only way to the text, so that every use can be
    found by its name.
    Equal secrets compare equal (in constant time), so that a reload sees a changed token.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The token itself."""
        return self._text

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __repr__(self) -> str:
        return HIDDEN

    def __str__(self) -> str:
        return HIDDEN

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not pickled")
