"""HTTP of settlement on the admin server: the two routes of IL-RFC 38, and operators' orders.

Owns statuses and bodies. An error status is a promise that nothing was applied; where that cannot
be promised the connection is cut without an answer, and the engine asks again with the same key.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from aiohttp import web

from ilprouter.admin.extension import Route
from ilprouter.admin.problems import ProblemError
from ilprouter.errors import (
    AmountOverflowError,
    IdempotencyConflictError,
    StoreError,
    UnknownAccountError,
)
from ilprouter.settlement.idempotency import KEY_BYTES_MAX
from ilprouter.settlement.messages import MESSAGE_BYTES_MAX, TIMEOUT_S, MessageError
from ilprouter.settlement.notify import CreditCapError
from ilprouter.settlement.quantity import BODY_BYTES_MAX, QuantityError, parse_quantity
from ilprouter.settlement.service import Settlements
from ilprouter.settlement.views import CapacityRequest, SettleRequest

__all__ = ["SettlementRoutes"]

ORDER_BYTES_MAX = 4096
TTL_MS_MAX = 86_400_000
U64_MAX = 2**64 - 1
DIGITS = re.compile(r"[0-9]{1,20}")


class SettlementRoutes:
    """Handlers over one router's settlements."""

    def __init__(self, settlements: Settlements) -> None:
        self.settlements = settlements

    def routes(self) -> list[Route]:
        """What is served, each with the seconds it may take beyond the usual deadline."""
        return [
            Route("POST", "/accounts/{id}/settlements", self.notify),
            Route("POST", "/accounts/{id}/messages", self.message, TIMEOUT_S + 1),
            Route("GET", "/v1/settlements", self.list),
            Route("POST", "/v1/settlements/{id}/retry", self.retry),
            Route("POST", "/v1/accounts/{id}/settle", self.settle),
            Route("PUT", "/v1/accounts/{id}/capacity", self.capacity),
        ]

    def allows(self, request: web.Request, token: str) -> bool | None:
        """May whoever shows this token ("" for none) over TCP make this request?

        returns   None: this part has no opinion, the admin API's own token decides
        """
        if request.match_info.handler not in (self.notify, self.message, self.capacity):
            return None
        account = request.match_info["id"]
        if self.settlements.engine_may(account, token):
            return True
        return False if self.settlements.needs_token(account) else None

    async def notify(self, request: web.Request) -> web.StreamResponse:
        """A settlement was received: 201 once it is durable, with the Quantity as it came."""
        key = idempotency_key(request)
        body = await read_body(request, "application/json", BODY_BYTES_MAX, 400)
        try:
            quantity = parse_quantity(body)
        except QuantityError as error:
            raise ProblemError(400, f"the body is not a Quantity: {error}") from None
        try:
            answer = await self.settlements.notify(request.match_info["id"], key, quantity)
        except UnknownAccountError as error:
            raise ProblemError(404, str(error)) from None
        except IdempotencyConflictError as error:
            raise ProblemError(409, str(error)) from None
        except AmountOverflowError as error:
            raise ProblemError(422, str(error)) from None
        except CreditCapError as error:
            raise ProblemError(403, str(error)) from None
        except StoreError:
            return cut(request)
        return web.Response(
            status=answer.status,
            body=answer.body.encode(),
            headers={"Content-Type": "application/json", "Cache-Control": "no-store"},
        )

    async def message(self, request: web.Request) -> web.StreamResponse:
        """A message for the peer's engine: 201 with that engine's answer."""
        data = await read_body(request, "application/octet-stream", MESSAGE_BYTES_MAX, 413)
        try:
            answer = await self.settlements.message_out(request.match_info["id"], data, TIMEOUT_S)
        except UnknownAccountError as error:
            raise ProblemError(404, str(error)) from None
        except MessageError as error:
            raise ProblemError(error.status, str(error)) from None
        headers = {"Content-Type": "application/octet-stream", "Cache-Control": "no-store"}
        return web.Response(status=201, body=answer, headers=headers)

    async def list(self, request: web.Request) -> web.StreamResponse:
        """Orders that are open, and the last ones that are done."""
        return reply({"settlements": self.settlements.list()})

    async def settle(self, request: web.Request) -> web.StreamResponse:
        """Order a settlement by hand."""
        order = decode(
            await read_body(request, "application/json", ORDER_BYTES_MAX, 413), SettleRequest
        )
        try:
            return reply(await self.settlements.settle(request.match_info["id"], order))
        except UnknownAccountError as error:
            raise ProblemError(404, str(error)) from None
        except AmountOverflowError as error:
            raise ProblemError(422, str(error)) from None
        except StoreError:
            return cut(request)

    async def retry(self, request: web.Request) -> web.StreamResponse:
        """Try an order again now. The body is ignored; its type keeps web pages out."""
        await read_body(request, "application/json", ORDER_BYTES_MAX, 413)
        try:
            return reply(await self.settlements.retry(request.match_info["id"]))
        except StoreError:
            return cut(request)

    async def capacity(self, request: web.Request) -> web.StreamResponse:
        """What the engine can settle now; 204."""
        record = decode(
            await read_body(request, "application/json", ORDER_BYTES_MAX, 413), CapacityRequest
        )
        if DIGITS.fullmatch(record.amount) is None or int(record.amount) > U64_MAX:
            raise ProblemError(400, f"amount is decimal text from 0 to {U64_MAX}")
        if not 1 <= record.ttl_ms <= TTL_MS_MAX:
            raise ProblemError(400, f"ttl_ms is an integer from 1 to {TTL_MS_MAX}")
        try:
            self.settlements.push_capacity(
                request.match_info["id"], int(record.amount), record.ttl_ms
            )
        except UnknownAccountError as error:
            raise ProblemError(404, str(error)) from None
        return web.Response(status=204)


def idempotency_key(request: web.Request) -> str:
    """The key of a request. Raises ProblemError 400 for none, several, or one of a bad length."""
    keys = request.headers.getall("Idempotency-Key", [])
    if len(keys) != 1:
        raise ProblemError(400, "exactly one Idempotency-Key is needed")
    size = len(keys[0].encode("utf-8", "surrogateescape"))
    if not 1 <= size <= KEY_BYTES_MAX or not keys[0].isprintable():
        raise ProblemError(400, f"an Idempotency-Key has 1 to {KEY_BYTES_MAX} printable bytes")
    return keys[0]


async def read_body(request: web.Request, content_type: str, limit: int, too_long: int) -> bytes:
    """The body. Raises ProblemError: 415 for another type, `too_long` for more than limit bytes."""
    if request.content_type != content_type:
        raise ProblemError(415, f"the body is {content_type}")
    body = bytearray()
    async for part in request.content.iter_any():
        body += part
        if len(body) > limit:
            raise ProblemError(too_long, f"the body is longer than {limit} bytes")
    return bytes(body)


def decode(body: bytes, kind: type[Any]) -> Any:
    """A JSON body as `kind`. Raises ProblemError 400."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProblemError(400, f"the body is wrong: {error}") from None


def reply(body: Any) -> web.Response:
    """A JSON answer."""
    return web.Response(
        body=msgspec.json.encode(body),
        headers={"Content-Type": "application/json", "Cache-Control": "no-store"},
    )


def cut(request: web.Request) -> web.StreamResponse:
    """End the connection without an answer: nobody knows whether the request was applied."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=503)  # never leaves: the connection is gone
