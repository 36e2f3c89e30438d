"""ILP timestamps for Python: 17 digits, milliseconds since 1970 and datetime, each from the other.

Owns the conversions; must not read a clock. Source: IL-RFC 30 "Fixed-length Timestamps".
"""
from cpython.bytes cimport PyBytes_FromStringAndSize
from datetime import UTC, datetime, timedelta

from ilprouter.bindings.kernel cimport ILP_INVALID_PACKET, ILP_OK, ILP_TIME_MS_MAX, ILP_TIME_MS_MIN, ILP_TIMESTAMP_LEN, \
    ilp_time_format, ilp_time_parse
from libc.stdint cimport int64_t, uint8_t

from ilprouter.errors import LocalProtocolError, RemoteProtocolError

MS_MIN = ILP_TIME_MS_MIN
MS_MAX = ILP_TIME_MS_MAX

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def parse_timestamp(bytes digits not None) -> int:
    """Read 17 ASCII digits YYYYMMDDHHMMSSmmm (UTC).

    returns  milliseconds since 1970-01-01T00:00:00Z, MS_MIN..MS_MAX
    raises   RemoteProtocolError for another length, other characters, or a date or time that does not exist (also second 60)
    """
    cdef int64_t ms = 0
    if len(digits) != ILP_TIMESTAMP_LEN or ilp_time_parse(<const uint8_t *><char *>digits, &ms) != ILP_OK:
        raise RemoteProtocolError(f"not an ILP timestamp: {digits[:32]!r}", ILP_INVALID_PACKET)
    return ms


def format_timestamp(ms) -> bytes:
    """Write 17 ASCII digits.

    ms       milliseconds since 1970-01-01T00:00:00Z, MS_MIN..MS_MAX
    raises   LocalProtocolError outside that range (years 1 to 9999)
    """
    cdef uint8_t digits[17]
    if not MS_MIN <= ms <= MS_MAX:
        raise LocalProtocolError(f"{ms} ms lies outside the years 1 to 9999", ILP_INVALID_PACKET)
    ilp_time_format(ms, digits)
    return PyBytes_FromStringAndSize(<char *>digits, ILP_TIMESTAMP_LEN)


def to_datetime(ms) -> datetime:
    """Milliseconds since 1970 as an aware datetime in UTC. Exact."""
    if not MS_MIN <= ms <= MS_MAX:
        raise LocalProtocolError(f"{ms} ms lies outside the years 1 to 9999", ILP_INVALID_PACKET)
    return _EPOCH + ms * _MILLISECOND


def from_datetime(when not None) -> int:
    """An aware datetime as milliseconds since 1970, rounded down: an expiry never gets later.

    raises   ValueError for a naive datetime, whose instant is unknown
    """
    if when.tzinfo is None:
        raise ValueError("a datetime without a time zone names no instant")
    return (when - _EPOCH) // _MILLISECOND
