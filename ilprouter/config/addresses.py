"""Socket addresses and URLs as the file writes them: parse or None.

Never resolves a name, never connects.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit


def split_socket_address(text: str) -> tuple[str, int] | None:
    """("::1", 7768) of "[::1]:7768", likewise "127.0.0.1:7768"; None for anything else."""
    host, colon, port = text.rpartition(":")
    if not colon or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65_535:
        return None
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        parsed = ipaddress.ip_address(host[1:-1] if bracketed else host)
    except ValueError:
        return None
    if (parsed.version == 6) != bracketed:
        return None
    return str(parsed), int(port)


def is_loopback(host: str) -> bool:
    """Does traffic to this IP address stay on the machine?"""
    return ipaddress.ip_address(host).is_loopback


def url_problem(text: str) -> str | None:
    """What is wrong with an http(s) URL, or None."""
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return "not a URL"
    if url.scheme not in ("http", "https") or not url.hostname:
        return "not an http:// or https:// URL"
    if url.username is not None or url.password is not None:
        return "a user name or password inside the URL"
    if url.fragment or port == 0 or not text.isascii() or not text.isprintable() or " " in text:
        return "not a URL a request can be sent to"
    return None


def url_is_loopback(text: str) -> bool:
    """Is the URL's host an address of this machine, written as a number or as localhost?"""
    host = urlsplit(text).hostname or ""
    if host == "localhost":
        return True
    try:
        return is_loopback(host)
    except ValueError:
        return False
