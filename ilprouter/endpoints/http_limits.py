"""HttpLimits: every bound of the HTTP endpoint, with its default.

Owns numbers only; must not know how they are enforced.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["HttpLimits"]


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpLimits:
    """Bounds on what one peer, or all of them together, can make the endpoint hold or do.

    streams_unauthenticated_max  HTTP/2 streams at once before the first request with a known token
    streams_max                  HTTP/2 streams at once after that
    header_list_bytes_max        of one header list, as HTTP/2 counts; four times that ends the
                                 connection
    body_bytes_max               of one request, at most 42 240; the largest Prepare is 33 857
    receive_timeout_ms           for the TLS handshake, a header block and a body, each
    drain_timeout_ms             for the peer to take an answer
    anonymous_timeout_ms         for a connection to show its first known token
    resets_burst, resets_per_second    streams a peer may reset, or make us reset
    control_burst, control_per_second  frames without work: PING, SETTINGS, WINDOW_UPDATE, unknown
                                       types, DATA in crumbs; requests earn some back
    acks_max                     PING and SETTINGS that wait for our acknowledgement
    outbound_frames_max          frames that wait in a session beyond those of answers
    pipelined_max                HTTP/1.1 requests read ahead of their answers
    connections_per_source_max   open connections of one address
    connections_max              open connections in all
    answers_kept_max             requests of one peer that are remembered by their Request-Id
    answers_kept_bytes_max       bytes of answers kept for one peer; the oldest go first
    answers_kept_ms              how long; twice the longest hold covers every expiry in use
    """

    streams_unauthenticated_max: int = 100
    streams_max: int = 2_048
    header_list_bytes_max: int = 8_192
    body_bytes_max: int = 40_000
    receive_timeout_ms: int = 5_000
    drain_timeout_ms: int = 10_000
    anonymous_timeout_ms: int = 30_000
    resets_burst: int = 200
    resets_per_second: int = 20
    control_burst: int = 2_000
    control_per_second: int = 100
    acks_max: int = 100
    outbound_frames_max: int = 1_000
    pipelined_max: int = 64
    connections_per_source_max: int = 64
    connections_max: int = 10_000
    answers_kept_max: int = 4_096
    answers_kept_bytes_max: int = 1_048_576
    answers_kept_ms: int = 60_000
