"""HttpLimits: every bound of the HTTP endpoint, with its default.

Owns numbers only; must not know how they are enforced.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["HttpLimits"]


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpLimits:
    """Bounds on what one peer, or all of them together, can make the endpoint hold or do.

    streams_first            HTTP/2 streams at once before the first request with a known token
    streams                  HTTP/2 streams at once after that
    header_bytes             of one header list, counted as HTTP/2 does; four times as much ends the connection
    body_bytes               of one request; the largest legal Prepare is 33 857
    reset_burst, reset_rate  streams a peer may reset, or make us reset: at once, and per second after that
    control_burst, control_rate   frames without work (PING, SETTINGS, WINDOW_UPDATE, unknown types, DATA in crumbs)
    acks                     PING and SETTINGS waiting for our acknowledgement
    outbound_frames          frames waiting in a session beyond those of answers
    pipelined                HTTP/1.1 requests read ahead of their answers
    connections_per_source   open connections of one address
    connections              open connections in all
    receive_s                for the TLS handshake, for a header block, and for a body, each
    drain_s                  for the peer to take an answer
    idle_s                   for a connection to show its first known token
    """

    streams_first: int = 100
    streams: int = 2_048
    header_bytes: int = 8_192
    body_bytes: int = 40_000
    reset_burst: int = 200
    reset_rate: int = 20
    control_burst: int = 2_000
    control_rate: int = 100
    acks: int = 100
    outbound_frames: int = 1_000
    pipelined: int = 64
    connections_per_source: int = 64
    connections: int = 10_000
    receive_s: float = 5.0
    drain_s: float = 10.0
    idle_s: float = 30.0
