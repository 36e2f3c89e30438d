"""The admin API on its Unix socket and, when asked, on TCP: framing, tokens, errors, health.

Owns sockets and HTTP; what there is stands in table, what a command does in commands, who may
connect in guard. Never reaches into the switch, never on the packet path.
"""

from __future__ import annotations

import asyncio
import errno
import hmac
import ipaddress
import logging
import os
import socket
import stat
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from ilprouter.admin.commands import Call
from ilprouter.admin.extension import Extension, Handler
from ilprouter.admin.guard import DEADLINE_S, Connections, Guard
from ilprouter.admin.orders import RouterOrders
from ilprouter.admin.problems import ProblemError
from ilprouter.admin.table import OPERATIONS, Operation
from ilprouter.config import Admin
from ilprouter.config.addresses import split_socket_address
from ilprouter.errors import AdminError, EndpointError, StoreError

BODY_BYTES_MAX = 64 * 1024
OPEN_PATHS = ("/livez", "/readyz", "/healthz")  # a health check has no token
log = logging.getLogger(__name__)


class AdminServer:
    """The admin API of one router.

    view    what it shows and does
    admin   the [admin] table
    """

    def __init__(self, view: RouterOrders, admin: Admin) -> None:
        self.view = view
        self.admin = admin
        self.connections = Connections(admin)
        self.tcp_address: tuple[str, int] | None = None
        self._path = Path(admin.socket)
        self._inode: int | None = None
        self._servers: list[asyncio.Server] = []
        self._extensions: list[Extension] = []
        self._extra_s: dict[Any, float] = {}
        app = web.Application(middlewares=[self._frame], client_max_size=BODY_BYTES_MAX)
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/healthz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/v1/openapi.json", self._openapi)
        for operation in sorted(OPERATIONS, key=lambda found: "{" in found.path):
            handler = self._handler(operation)
            if operation.method == "GET":
                app.router.add_get(operation.path, handler)
            else:
                app.router.add_route(operation.method, operation.path, handler)
        self._app = app
        self._runner = web.AppRunner(app, access_log=None, keepalive_timeout=DEADLINE_S / 2)

    def add(self, extension: Extension) -> None:
        """Serve another part's routes too. Before `start`."""
        self._extensions.append(extension)
        for route in extension.routes():
            self._app.router.add_route(route.method, route.path, route.handler)
            self._extra_s[route.handler] = route.extra_s

    def configure(self, admin: Admin) -> None:
        """Another [admin] table: who may connect from now on, and the token of the next request.

        Addresses do not change while the server runs.
        """
        self.admin = self.connections.admin = admin

    async def start(self) -> None:
        """Bind and listen.

        raises   EndpointError with the address and the reason: somebody answers there already,
                 the directory cannot be written, the port is taken
        """
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        bound = unix_socket(self._path)
        self._inode = os.stat(self._path).st_ino
        self._servers.append(await loop.create_unix_server(lambda: self._guard(True), sock=bound))
        if self.admin.listen is not None:
            address = split_socket_address(self.admin.listen)
            if address is None:
                raise EndpointError(f"admin.listen = {self.admin.listen}: not an address")
            try:
                server = await loop.create_server(lambda: self._guard(False), *address)
            except OSError as error:
                raise EndpointError(f"admin.listen = {self.admin.listen}: {error}") from error
            self._servers.append(server)
            host, port = server.sockets[0].getsockname()[:2]
            self.tcp_address = (host, port)

    async def stop(self) -> None:
        """Close every connection and remove the socket, unless another router owns it by now."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        for guard in list(self.connections.open.values()):
            if guard.transport is not None:
                guard.transport.abort()
        await self._runner.cleanup()
        try:
            if self._inode is not None and os.stat(self._path).st_ino == self._inode:
                os.unlink(self._path)
        except FileNotFoundError:
            log.info("the admin socket was removed by somebody else", extra={"path": self._path})
        self._inode = None

    def _guard(self, local: bool) -> Guard:
        server = self._runner.server
        if server is None:
            raise EndpointError("the admin API is stopped")
        return Guard(self.connections, server, local)

    @web.middleware
    async def _frame(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Deadline, token and Host of every request; every error as RFC 9457."""
        guard = self.connections.of(request.protocol)
        if guard is not None:
            guard.extend(DEADLINE_S + self._extra_s.get(request.match_info.handler, 0.0))
        try:
            if guard is None or not guard.local:
                self._check_tcp(request)
            return await handler(request)
        except ProblemError as error:
            return problem(error)
        except AdminError as error:
            return problem(ProblemError(409, str(error)))
        except StoreError as error:
            # What was ordered may or may not be on disk. No status says that, so none is sent.
            log.error("an admin command was cut off", extra={"error": str(error)})
            if guard is not None and guard.transport is not None:
                guard.transport.abort()
            raise
        except web.HTTPException as error:
            # Routing and body errors of the library: its text is a title, ours says the same.
            headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
            return problem(ProblemError(error.status, error.reason), headers)
        except Exception:
            log.exception("an admin command failed", extra={"path": request.path})
            return problem(ProblemError(500, "the command failed; the log has the reason"))

    def _check_tcp(self, request: web.Request) -> None:
        """What a Unix socket's permissions do, done for TCP."""
        if not host_is_number(request.host):
            # A web page whose name was pointed at 127.0.0.1 shows that name here.
            raise ProblemError(421, "the Host of a request here is an IP address or localhost")
        if request.path in OPEN_PATHS:
            return
        token = bearer(request)
        expected = self.admin.token.reveal().encode() if self.admin.token is not None else None
        if expected is not None and hmac.compare_digest(
            token.encode("utf-8", "surrogateescape"), expected
        ):
            return
        opinions = [extension.allows(request, token) for extension in self._extensions]
        if True in opinions:
            return
        if expected is not None or False in opinions:
            raise ProblemError(401, "a valid bearer token is needed")

    def _handler(self, operation: Operation) -> Handler:
        parts = operation.path.count("{")

        async def handle(request: web.Request) -> web.StreamResponse:
            body = b""
            if operation.method != "GET":
                # Also without a body: a web page cannot send this type to another site unasked.
                if request.content_type != "application/json":
                    raise ProblemError(415, "the body is application/json")
                body = await request.read()
                guard = self.connections.of(request.protocol)
                if guard is not None:
                    guard.extend(operation.seconds)
            for name in request.query:
                if name not in operation.query:
                    known = ", ".join(operation.query) or "none"
                    raise ProblemError(400, f"the query has {name[:64]!r}; known here: {known}")
            path = dict(request.match_info) if parts else {}
            call = Call(path, dict(request.query), body, request.headers.get("If-Match"))
            found = answer(await operation.run(self.view, call))
            found.headers["ETag"] = self.view.etag()
            return found

        return handle

    async def _openapi(self, request: web.Request) -> web.StreamResponse:
        # Made at the first request: most routers are never asked.
        from ilprouter.admin.openapi import document

        return answer(document())

    async def _livez(self, request: web.Request) -> web.StreamResponse:
        """The event loop answers, so the process lives."""
        return answer({"state": self.view.status().state})

    async def _readyz(self, request: web.Request) -> web.StreamResponse:
        """200 when packets are forwarded, else 503 with the reasons."""
        status = self.view.status()
        ready = status.state == "ready" and not status.reasons
        body = {"state": status.state, "reasons": status.reasons}
        return answer(body, 200 if ready else 503)

    async def _metrics(self, request: web.Request) -> web.StreamResponse:
        # Imported at the first scrape: a router nobody scrapes does not carry it.
        from ilprouter.metrics import CONTENT_TYPE, render

        return web.Response(body=render(self.view.metrics), headers={"Content-Type": CONTENT_TYPE})


def bearer(request: web.Request) -> str:
    """The bearer token of a request, "" without one."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def answer(body: Any, status: int = 200) -> web.Response:
    """A JSON answer, never stored by a cache."""
    return web.Response(
        body=msgspec.json.encode(body),
        status=status,
        headers={"Content-Type": "application/json", "Cache-Control": "no-store"},
    )


def problem(error: ProblemError, headers: dict[str, str] | None = None) -> web.Response:
    """An error answer, RFC 9457."""
    more = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    return web.Response(
        body=msgspec.json.encode(error.body()),
        status=error.status,
        headers={"Content-Type": "application/problem+json", **more, **(headers or {})},
    )


def host_is_number(host: str) -> bool:
    """Does a Host header name an IP address or localhost?"""
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    name = name.removeprefix("[").removesuffix("]")
    if name == "localhost":
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def unix_socket(path: Path) -> socket.socket:
    """A bound Unix socket, mode 0660 in a directory of mode 0750.

    A socket file somebody left behind is replaced only when nobody answers on it.
    raises   EndpointError with the path and the reason
    """
    try:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        clear_stale(path)
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            bound.bind(str(path))
            # Before listen nobody can connect, so the mode is right from the first connection on.
            os.chmod(path, 0o660)
        except OSError:
            bound.close()
            raise
    except OSError as error:
        raise EndpointError(f"admin.socket = {path}: {error.strerror or error}") from error
    bound.setblocking(False)
    return bound


def clear_stale(path: Path) -> None:
    """Remove a socket file that nobody answers on.

    raises   EndpointError when somebody does, or when the file is no socket
    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise EndpointError(f"admin.socket = {path}: the file is there and is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        code = probe.connect_ex(str(path))
    if code != errno.ECONNREFUSED:
        raise EndpointError(f"admin.socket = {path}: another router answers there")
    path.unlink()
