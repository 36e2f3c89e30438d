"""One settlement engine over HTTP: account, settlement, message, and what an answer proves.

Owns requests, time-outs and bounds on answers (IL-RFC 38). Decides nothing about retries.
"""

from __future__ import annotations

import asyncio
import enum
from typing import NamedTuple

import aiohttp
import msgspec

from ilprouter.config.secret import Secret
from ilprouter.settlement.quantity import Quantity

__all__ = ["Engine", "Outcome", "Result", "open_session"]

TIMEOUT_S = 15.0
CONNECT_TIMEOUT_S = 5.0
ANSWER_BYTES_MAX = 64 * 1024  # twice what a Fulfill can carry
# The engine has understood and will not do it: repeating the same request cannot help.
DEFINITE = frozenset({400, 404, 409})


class Outcome(enum.Enum):
    """What is known after a request."""

    DONE = "done"  # any 2xx
    REFUSED = "refused"  # a definite 4xx
    UNSENT = "unsent"  # no connection: the engine has not seen the request
    UNKNOWN = "unknown"  # anything else: the engine may have acted


class Result(NamedTuple):
    """How a request ended.

    status   HTTP status, 0 without an answer
    reason   for operators
    body     of a 2xx answer
    """

    outcome: Outcome
    status: int = 0
    reason: str = ""
    body: bytes = b""


def open_session() -> aiohttp.ClientSession:
    """A session for all engines. Close it.

    Each request has a connection of its own: one that the engine closed while it was idle would
    leave open whether a request was seen.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, force_close=True),
        timeout=aiohttp.ClientTimeout(total=TIMEOUT_S, sock_connect=CONNECT_TIMEOUT_S),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers={"User-Agent": "ilprouter"},
        skip_auto_headers=("Accept-Encoding",),
    )


class Engine:
    """A settlement engine.

    url     its base, without a slash at the end
    token   what we show it; None: nothing
    gate    bounds the orders that one engine works on, over all accounts
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        token: Secret | None,
        gate: asyncio.Semaphore,
    ) -> None:
        self.gate = gate
        self.session = session
        self.url = url.rstrip("/")
        self.token = token

    async def create_account(self, account: str) -> Result:
        """Tell the engine of an account; it may know it already."""
        async with self.gate:
            return await self._post("/accounts", msgspec.json.encode({"id": account}))

    async def settle(self, account: str, key: str, quantity: Quantity) -> Result:
        """Order a settlement; the same key is the same settlement, however often it is sent."""
        body = msgspec.json.encode(quantity.to_json())
        async with self.gate:
            return await self._post(
                f"/accounts/{account}/settlements", body, headers={"Idempotency-Key": key}
            )

    async def message(self, account: str, data: bytes, timeout_s: float) -> Result:
        """Give the engine a message of the peer's engine; the body of the result is its answer."""
        return await self._post(
            f"/accounts/{account}/messages",
            data,
            headers={"Content-Type": "application/octet-stream"},
            timeout_s=timeout_s,
        )

    async def _post(
        self,
        path: str,
        body: bytes,
        *,
        headers: dict[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Result:
        sent = {"Content-Type": "application/json", **(headers or {})}
        if self.token is not None:
            sent["Authorization"] = f"Bearer {self.token.reveal()}"
        timeout = aiohttp.ClientTimeout(
            total=timeout_s, sock_connect=min(CONNECT_TIMEOUT_S, timeout_s)
        )
        try:
            # A redirect would carry the token and the order to where nobody configured.
            async with self.session.post(
                self.url + path, data=body, headers=sent, timeout=timeout, allow_redirects=False
            ) as answer:
                content = await read_at_most(answer.content, ANSWER_BYTES_MAX)
                status = answer.status
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return Result(Outcome.UNSENT, 0, f"cannot connect: {error}")
        except aiohttp.InvalidURL as error:
            return Result(Outcome.UNSENT, 0, f"not a URL: {error}")
        except TimeoutError:
            return Result(Outcome.UNKNOWN, 0, f"no answer within {timeout_s:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return Result(Outcome.UNKNOWN, 0, f"{type(error).__name__}: {error}")
        if 200 <= status < 300:
            if content is None:
                return Result(Outcome.DONE, status, "the answer is too long to be read")
            return Result(Outcome.DONE, status, "", content)
        outcome = Outcome.REFUSED if status in DEFINITE else Outcome.UNKNOWN
        return Result(outcome, status, f"HTTP status {status}")


async def read_at_most(stream: aiohttp.StreamReader, limit: int) -> bytes | None:
    """The whole body, or None when it is longer than `limit` bytes."""
    body = bytearray()
    async for part in stream.iter_chunked(16 * 1024):
        body += part
        if len(body) > limit:
            return None
    return bytes(body)
