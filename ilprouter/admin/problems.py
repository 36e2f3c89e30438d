"""What an error of the admin API looks like (RFC 9457): a promise that nothing was changed.

Owns the form; knows no command and no socket.
"""

from __future__ import annotations

import http

from msgspec import Struct

from ilprouter.errors import ConfigError


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of every error answer, application/problem+json.

    detail               what is wrong with this request, for a person
    file, key, value, accepted   where a configuration is wrong, as `ilprouter check` says it
    """

    type: str
    title: str
    status: int
    detail: str
    file: str | None = None
    key: str | None = None
    value: str | None = None
    accepted: str | None = None


class ProblemError(Exception):
    """An answer that is an error.

    status   HTTP status
    detail   what is wrong with this request, for a person
    cause    the configuration error behind it, if there is one
    """

    def __init__(self, status: int, detail: str, cause: ConfigError | None = None) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail
        self.cause = cause

    def body(self) -> Problem:
        """What the answer says."""
        cause = self.cause
        return Problem(
            type="about:blank",
            title=http.HTTPStatus(self.status).phrase,
            status=self.status,
            detail=self.detail,
            file=cause.file if cause else None,
            key=cause.key if cause else None,
            value=str(cause.value) if cause else None,
            accepted=cause.accepted if cause else None,
        )


def refused(error: ConfigError) -> ProblemError:
    """A configuration that its checks refuse, in their words."""
    return ProblemError(422, str(error), error)
