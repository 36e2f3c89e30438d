"""TLS contexts for links: TLS 1.3, or 1.2 when asked for; HTTP/2 or HTTP/1.1 by ALPN.

Owns the choice of versions and protocols; must not know peers or sockets.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence

__all__ = ["client_context", "server_context"]


def _harden(context: ssl.SSLContext, allow_tls12: bool, protocols: Sequence[str]) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2 if allow_tls12 else ssl.TLSVersion.TLSv1_3
    if allow_tls12:
        # RFC 9113 section 9.2.2 forbids the older suites; forward secrecy and AEAD only.
        context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(list(protocols))


def server_context(
    cert: str, key: str, *, client_ca: str | None = None, allow_tls12: bool = False
) -> ssl.SSLContext:
    """A context for a listening socket.

    cert, key    paths of PEM files: the chain, and its private key
    client_ca    path of a PEM file; given: clients need a certificate of these
    raises       OSError or ssl.SSLError for files that cannot be read or do not match
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _harden(context, allow_tls12, ("h2", "http/1.1"))
    context.load_cert_chain(cert, key)
    # Without tickets there is no 0-RTT and nothing that outlives a certificate's revocation.
    context.num_tickets = 0
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(
    *,
    ca: str | None = None,
    cert: str | None = None,
    key: str | None = None,
    allow_tls12: bool = False,
    http1: bool = False,
) -> ssl.SSLContext:
    """A context for a connection to a peer, whose certificate and name are always checked.

    ca           path of a PEM file with the authorities to trust; None: those of the system
    cert, key    paths of our own certificate and key, for peers that ask for one
    http1        offer HTTP/1.1 only
    """
    context = ssl.create_default_context(cafile=ca)
    _harden(context, allow_tls12, ("http/1.1",) if http1 else ("h2",))
    if cert is not None:
        context.load_cert_chain(cert, key)
    return context
