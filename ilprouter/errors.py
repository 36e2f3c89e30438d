"""Every exception the router raises on purpose, as one tree under RouterError.

Owns the classes and what each carries; must not know who raises them, nor any Reject's text.
"""

from __future__ import annotations

__all__ = [
    "AdminError",
    "AmountOverflowError",
    "ConfigError",
    "EndpointError",
    "IdempotencyConflictError",
    "LinkDownError",
    "LocalProtocolError",
    "ProtocolError",
    "RemoteProtocolError",
    "RouterError",
    "SettlementError",
    "StoreCorruptError",
    "StoreError",
    "StoreFullError",
    "StoreInUseError",
    "UnknownAccountError",
]


class RouterError(Exception):
    """Base of everything below; never raised itself."""


class ConfigError(RouterError):
    """A configuration that cannot be used: at start-up, or by a reload, which keeps the old one.

    file       path of the file the value came from, or "" when it came from no file
    key        dotted key, e.g. "peer[0].limits.in_flight"
    value      what was found; None when the key is missing
    accepted   what would have been accepted, in words: a range, a list of names
    """

    def __init__(self, file: str, key: str, value: object, accepted: str) -> None:
        super().__init__(file, key, value, accepted)
        self.file = file
        self.key = key
        self.value = value
        self.accepted = accepted

    def __str__(self) -> str:
        where = f"{self.file}: " if self.file else ""
        if self.value is None:
            return f"{where}{self.key} is missing; accepted: {self.accepted}"
        return f"{where}{self.key} = {self.value!r}; accepted: {self.accepted}"


class EndpointError(RouterError):
    """A transport cannot be opened or used; the message names the address and the reason."""


class LinkDownError(EndpointError):
    """The peer behind one link cannot be reached now."""


class ProtocolError(RouterError):
    """A rule of the protocol is broken.

    status   the ilp_status that names the rule (ilprouter.core.reject.Status); branch on it only
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message, status)
        self.message = message
        self.status = status

    def __str__(self) -> str:
        return self.message


class LocalProtocolError(ProtocolError):
    """We were asked to produce something the RFC forbids: a bug or a bad command on our side."""


class RemoteProtocolError(ProtocolError):
    """The bytes we were given break the RFC: the peer's fault."""


class AmountOverflowError(RouterError):
    """An amount leaves u64. It is never clipped and never rounded to zero in silence."""


class StoreError(RouterError):
    """The store failed; nothing that depends on the failed write may be acknowledged."""


class StoreFullError(StoreError):
    """The map size or the disk is exhausted."""


class StoreInUseError(StoreError):
    """Another instance holds the store."""


class StoreCorruptError(StoreError):
    """The books contradict themselves: stop, do not trade."""


class SettlementError(RouterError):
    """A settlement notification or message cannot be carried out."""


class UnknownAccountError(SettlementError):
    """No account has this identifier.

    account   the identifier that was asked for
    """

    def __init__(self, account: str) -> None:
        super().__init__(account)
        self.account = account

    def __str__(self) -> str:
        return f"no account {self.account!r}"


class IdempotencyConflictError(SettlementError):
    """An idempotency key came again with a different request.

    key   the key
    """

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key

    def __str__(self) -> str:
        return f"idempotency key {self.key!r} was used for a different request"


class AdminError(RouterError):
    """An operator's order cannot be carried out.

    message   what is wrong
    advice    what the operator should do next
    """

    def __init__(self, message: str, advice: str) -> None:
        super().__init__(message, advice)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.message}. {self.advice}"
