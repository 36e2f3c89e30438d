"""What [[listen]] and a peer's `link` take, per endpoint.

Never opens or binds anything; rules between keys are in checks.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from ilprouter.config.atoms import SocketAddress, Strict, Text, about
from ilprouter.config.secret import Secret


class HttpListen(Strict, frozen=True, tag_field="endpoint", tag="http"):
    """A port for ILP over HTTP."""

    address: Annotated[SocketAddress, about("Address to bind.")]
    cert: Annotated[
        Text | None, about("PEM certificate chain; turns TLS on, together with `key`.")
    ] = None
    key: Annotated[Text | None, about("PEM private key.")] = None
    client_ca: Annotated[
        Text | None, about("PEM bundle; clients must then show a certificate it signed.")
    ] = None
    tls12: Annotated[bool, about("Also accept TLS 1.2; otherwise 1.3 only.")] = False


class UdpListen(Strict, frozen=True, tag_field="endpoint", tag="udp"):
    """The port for link frames over UDP."""

    address: Annotated[SocketAddress, about("Address to bind.")]
    payload_size: Annotated[
        Annotated[int, Meta(ge=600, le=65_507)], about("Largest UDP payload we send, bytes.")
    ] = 1200
    external_protection: Annotated[
        bool, about("The address is inside WireGuard or IPsec: plain frames may leave the machine.")
    ] = False


class HttpLink(Strict, frozen=True, tag_field="endpoint", tag="http"):
    """A peer over ILP-over-HTTP (IL-RFC 35)."""

    url: Annotated[
        Annotated[
            str,
            Meta(
                max_length=2048, extra={"accepted": "an http:// or https:// URL without user name"}
            ),
        ]
        | None,
        about(
            "Where we post Prepares; http:// is clear-text HTTP/2. Without it the peer only sends."
        ),
    ] = None
    incoming_tokens: Annotated[
        tuple[Secret, ...], about("Bearer tokens the peer may present; several during a rotation.")
    ] = ()
    incoming_tokens_file: Annotated[
        Text | None, about("File with further incoming tokens, one a line.")
    ] = None
    outgoing_token: Annotated[Secret | None, about("Bearer token we present to the peer.")] = None
    outgoing_token_file: Annotated[
        Text | None, about("File that holds the outgoing token instead.")
    ] = None
    bare_token: Annotated[
        bool, about("Accept the token without the word Bearer (old JavaScript peers).")
    ] = False
    http1: Annotated[bool, about("Speak HTTP/1.1 to the peer instead of HTTP/2.")] = False
    connections_max: Annotated[
        Annotated[int, Meta(ge=1, le=64)] | None,
        about("Connections opened when one has no stream left; default 4, with http1 16."),
    ] = None
    ca: Annotated[
        Text | None, about("PEM bundle to check an https:// peer against, instead of the system's.")
    ] = None
    cert: Annotated[Text | None, about("PEM client certificate we show to an https:// peer.")] = (
        None
    )
    key: Annotated[Text | None, about("PEM private key of that certificate.")] = None


class UdpLink(Strict, frozen=True, tag_field="endpoint", tag="udp"):
    """A peer over UDP link frames."""

    remote: Annotated[
        SocketAddress, about("The peer's UDP address; datagrams from elsewhere are dropped.")
    ]
