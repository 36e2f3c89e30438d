"""The admin API as a table: each operation with its path, its inputs, its answer and its errors.

Owns what the server serves and what the OpenAPI document says: one cannot differ from the other.
"""

from __future__ import annotations

from typing import Any, Literal, get_type_hints

from msgspec import Struct

from ilprouter.admin import commands
from ilprouter.admin.commands import PING_TIMEOUT_MS_MAX, Command
from ilprouter.admin.guard import DEADLINE_S
from ilprouter.admin.orders import Level, Note, RatesOrder, RouteOrder
from ilprouter.admin.views import PingRequest
from ilprouter.config import Peer

__all__ = ["OPERATIONS", "Operation"]

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

# A large configuration is read, checked and taken up in less.
CHANGE_S = 60.0


class Operation(Struct, frozen=True, kw_only=True):
    """One operation.

    path       with its named parts in braces
    query      name -> what it is; any other name is refused
    body       what the body is; None: it needs none
    errors     statuses it may answer with, besides those every operation has
    seconds    how long it may take
    """

    method: Method
    path: str
    run: Command
    query: dict[str, str] = {}
    body: type | None = None
    errors: tuple[int, ...] = ()
    seconds: float = DEADLINE_S

    @property
    def summary(self) -> str:
        """The first sentence of what it does."""
        return (self.run.__doc__ or "").strip()

    @property
    def answer(self) -> Any:
        """The type of a good answer."""
        return get_type_hints(self.run)["return"]


DRY = {"dry_run": "true: check and answer as if, and change nothing"}
KEEP = {**DRY, "persist": "true: also write it to conf.d/admin-api.toml"}


def read(path: str, run: Command, *errors: int, **query: str) -> Operation:
    """An operation that changes nothing."""
    return Operation(method="GET", path=path, run=run, query=query, errors=errors)


def change(
    method: Method, path: str, run: Command, body: type | None = None, *errors: int, **query: str
) -> Operation:
    """An operation on the configuration in force."""
    return Operation(
        method=method,
        path=path,
        run=run,
        body=body,
        query={**KEEP, **query},
        errors=(409, 412, 422, *errors),
        seconds=CHANGE_S,
    )


def switch(path: str, run: Command, *errors: int) -> Operation:
    """An operation that turns something on or off."""
    return Operation(
        method="POST", path=path, run=run, query=DRY, errors=(412, *errors), seconds=CHANGE_S
    )


OPERATIONS: tuple[Operation, ...] = (
    read("/v1/status", commands.status),
    read("/v1/peers", commands.peers),
    change("POST", "/v1/peers", commands.add_peer, Peer),
    read("/v1/peers/{name}", commands.peer, 404),
    change("PUT", "/v1/peers/{name}", commands.put_peer, Peer),
    change("PATCH", "/v1/peers/{name}", commands.patch_peer, dict, 404),
    change("DELETE", "/v1/peers/{name}", commands.remove_peer, None, 404),
    switch("/v1/peers/{name}/drain", commands.drain_peer, 404),
    switch("/v1/peers/{name}/undrain", commands.undrain_peer, 404),
    read("/v1/accounts", commands.accounts),
    read("/v1/accounts/{name}", commands.account, 404),
    switch("/v1/accounts/{name}/freeze", commands.freeze, 404),
    switch("/v1/accounts/{name}/unfreeze", commands.unfreeze, 404),
    read("/v1/routes", commands.routes),
    change("POST", "/v1/routes", commands.put_route, RouteOrder),
    change(
        "DELETE",
        "/v1/routes",
        commands.remove_route,
        None,
        404,
        prefix="of the route; empty is the default route",
    ),
    read("/v1/routes/trace", commands.trace, address="any text"),
    read("/v1/rates", commands.rates),
    change("PUT", "/v1/rates", commands.put_rates, RatesOrder),
    read("/v1/pipeline", commands.pipeline),
    read("/v1/doubts", commands.doubts, all="true: resolved ones too"),
    Operation(
        method="POST",
        path="/v1/doubts/{id}/resolve",
        run=commands.resolve_doubt,
        body=Note,
        query=DRY,
        errors=(404, 409, 412),
    ),
    switch("/v1/drain", commands.drain, 409),
    switch("/v1/undrain", commands.undrain, 409),
    Operation(
        method="POST",
        path="/v1/reload",
        run=commands.reload,
        query=DRY,
        errors=(409, 412, 422),
        seconds=CHANGE_S,
    ),
    read("/v1/log-level", commands.log_level),
    Operation(
        method="PUT",
        path="/v1/log-level",
        run=commands.set_log_level,
        body=Level,
        query=DRY,
        errors=(412,),
    ),
    Operation(
        method="POST",
        path="/v1/ping",
        run=commands.ping,
        body=PingRequest,
        errors=(409,),
        seconds=DEADLINE_S + PING_TIMEOUT_MS_MAX / 1000,
    ),
)
