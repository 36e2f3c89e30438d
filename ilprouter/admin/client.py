"""One request to a running router's admin socket, for commands.

Owns the way there and back; knows no command. Standard library only, so that a command starts fast.
"""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any
from urllib.parse import urlencode

from ilprouter.errors import AdminError


class NotRunningError(AdminError):
    """Nobody listens on the admin socket."""


class NotAllowedError(AdminError):
    """The socket's permissions, or the router, do not let this user in."""


class UnavailableError(AdminError):
    """The router is there and cannot answer now."""


class RefusedError(AdminError):
    """The router understood and refused: nothing was changed.

    status   HTTP status of the answer
    """

    def __init__(self, message: str, advice: str, status: int) -> None:
        super().__init__(message, advice)
        self.status = status


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(self.path)
        except OSError:
            self.sock.close()
            raise


class AdminClient:
    """Requests to one router.

    path        of its admin socket
    timeout_s   for each step of a request
    """

    def __init__(self, path: str, timeout_s: float = 5.0) -> None:
        self.path = path
        self.timeout_s = timeout_s
        self.etag: str | None = None

    def get(self, path: str, **query: str) -> Any:
        """The JSON answer to a GET.

        raises   NotRunningError, NotAllowedError, UnavailableError or RefusedError
        """
        target = f"{path}?{urlencode(query)}" if query else path
        return json.loads(self.request("GET", target, None))

    def text(self, path: str) -> str:
        """The answer to a GET as text, e.g. of /metrics. Raises as `get`."""
        return self.request("GET", path, None).decode()

    def post(self, path: str, body: Any) -> Any:
        """The JSON answer to a POST. Raises as `get`."""
        return json.loads(self.request("POST", path, json.dumps(body).encode()))

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        if_match: str | None = None,
        **query: str,
    ) -> Any:
        """The JSON answer to an order. Raises as `get`.

        body       sent as JSON; {} when there is none, since every order is JSON
        if_match   refuse the order (412) unless the configuration still has this name
        """
        target = f"{path}?{urlencode(query)}" if query else path
        content = None if method == "GET" else json.dumps({} if body is None else body).encode()
        return json.loads(self.request(method, target, content, if_match))

    def request(
        self, method: str, target: str, body: bytes | None, if_match: str | None = None
    ) -> bytes:
        """The body of the answer; its ETag is in `etag`. Raises as `get`."""
        connection = UnixConnection(self.path, self.timeout_s)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if if_match is not None:
            headers["If-Match"] = if_match
        try:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            content = response.read()
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise NotRunningError(
                f"no router answers on {self.path}",
                "Start it with `ilprouter run`, or name its socket with --socket.",
            ) from error
        except PermissionError as error:
            raise NotAllowedError(
                f"this user may not open {self.path}", "Join the socket's group, or use root."
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise UnavailableError(
                f"the router on {self.path} did not answer: {type(error).__name__} {error}",
                "Try again; its log says what it is doing.",
            ) from error
        finally:
            connection.close()
        self.etag = response.getheader("ETag")
        if response.status < 400:
            return content
        raise refused(response.status, content)


def refused(status: int, content: bytes) -> AdminError:
    """The exception for an error answer (RFC 9457)."""
    try:
        detail = str(json.loads(content)["detail"])
    except (ValueError, KeyError, TypeError):
        detail = f"HTTP status {status}"
    if status in (401, 403):
        return NotAllowedError(detail, "Use root, the router's own user, or admin.allow_uids.")
    if status >= 500:
        return UnavailableError(detail, "Try again; the router's log has more.")
    return RefusedError(detail, "Nothing was changed.", status)
