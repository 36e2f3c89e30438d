"""Routes that another part of the router adds to the admin server.

Owns the interface between the two; knows neither the server nor any part.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

from aiohttp import web

__all__ = ["Extension", "Handler", "Route"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Route(NamedTuple):
    """One route. handler raises ProblemError for an error answer.

    extra_s   seconds the handler may take beyond the deadline of every request
    """

    method: str
    path: str
    handler: Handler
    extra_s: float = 0.0


class Extension(Protocol):
    """Routes of another part."""

    def routes(self) -> list[Route]:
        """What it serves."""
        ...

    def allows(self, request: web.Request, token: str) -> bool | None:
        """May this token ("" for none) make the request over TCP?

        returns   None: the admin API's own token decides
        """
        ...
