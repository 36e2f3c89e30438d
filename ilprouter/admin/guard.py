"""Who may hold a connection to the admin API, how many, and how long.

Owns peer credentials, the connection cap and the deadline; never reads a request.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from typing import cast

from ilprouter.config import Admin

CONNECTIONS_MAX = 32
DEADLINE_S = 5.0
LINGER_S = 1.0
SO_PEERGROUPS = 59  # <asm-generic/socket.h>; the socket module has no name for it
GROUPS_MAX = 256  # the socket module reads at most 1 024 bytes of an option


def refusal(status: str, detail: str) -> bytes:
    """A whole HTTP answer for a connection that never reaches the HTTP parser."""
    code, _, title = status.partition(" ")
    body = f'{{"type":"about:blank","title":"{title}","status":{code},"detail":"{detail}"}}'
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: application/problem+json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
    ).encode()


def peer_allowed(sock: socket.socket, admin: Admin) -> bool:
    """May the process at the other end of a Unix socket give orders?

    root, our own user, and the users and members of groups the configuration lists
    """
    size = struct.calcsize("3i")
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    _, uid, gid = struct.unpack("3i", raw)
    if uid in (0, os.geteuid(), *admin.allow_uids):
        return True
    return bool(admin.allow_gids) and not {gid, *peer_groups(sock)}.isdisjoint(admin.allow_gids)


def peer_groups(sock: socket.socket) -> tuple[int, ...]:
    """Supplementary groups of the process at the other end.

    returns   empty where the kernel cannot tell, or when there are more than GROUPS_MAX
    """
    try:
        raw = sock.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, GROUPS_MAX * 4)
    except OSError:
        return ()
    return struct.unpack(f"{len(raw) // 4}I", raw)


class Connections:
    """Every open connection of the admin API, over all its sockets."""

    def __init__(self, admin: Admin) -> None:
        self.admin = admin
        self.open: dict[asyncio.BaseProtocol, Guard] = {}

    def of(self, inner: asyncio.BaseProtocol) -> Guard | None:
        """The guard around an HTTP protocol."""
        return self.open.get(inner)


class Guard(asyncio.Protocol):
    """Stands between a transport and the HTTP protocol.

    A connection lives until DEADLINE_S after its last request began; a command that needs longer
    asks for it by `extend`.
    """

    def __init__(
        self, connections: Connections, inner: Callable[[], asyncio.Protocol], local: bool
    ) -> None:
        self.connections = connections
        self.make_inner = inner
        self.local = local
        self.inner: asyncio.Protocol | None = None
        self.transport: asyncio.Transport | None = None
        self.timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one without saying so
        if len(self.connections.open) >= CONNECTIONS_MAX:
            self.refuse("503 Service Unavailable", "too many connections")
            return
        if self.local and not peer_allowed(
            self.transport.get_extra_info("socket"), self.connections.admin
        ):
            self.refuse("403 Forbidden", "this user may not use the admin socket")
            return
        self.inner = self.make_inner()
        self.connections.open[self.inner] = self
        self.inner.connection_made(transport)
        self.extend(DEADLINE_S)

    def refuse(self, status: str, detail: str) -> None:
        """Answer without reading, then wait a little for the other end to close.

        Closing at once, with a request unread, would reset the connection under the answer.
        """
        if self.transport is not None:
            self.transport.write(refusal(status, detail))
            self.transport.write_eof()
            self.extend(LINGER_S)

    def extend(self, seconds: float) -> None:
        """Cut the connection in so many seconds from now instead of when it would have been."""
        if self.timer is not None:
            self.timer.cancel()
        if self.transport is not None:
            loop = asyncio.get_running_loop()
            self.timer = loop.call_later(seconds, self.transport.abort)

    def data_received(self, data: bytes) -> None:
        if self.inner is not None:
            self.inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self.inner.eof_received() if self.inner is not None else None

    def pause_writing(self) -> None:
        if self.inner is not None:
            self.inner.pause_writing()

    def resume_writing(self) -> None:
        if self.inner is not None:
            self.inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.timer is not None:
            self.timer.cancel()
        if self.inner is not None:
            del self.connections.open[self.inner]
            self.inner.connection_lost(exc)
