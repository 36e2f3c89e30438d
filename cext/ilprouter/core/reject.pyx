"""The statuses of the packet path and the Rejects they become, for Python: metrics, logs, tests, controllers.

Owns the enumeration Status; must not hold a code or text: the kernel's one table has them. Source: IL-RFC 27 "Error Codes".
"""
from enum import IntEnum
from typing import NamedTuple

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize

from ilprouter.bindings.kernel cimport ILP_ADDRESS_MAX, ILP_INVALID_PACKET, ILP_REJECT_END, ILP_REJECT_FIRST, \
    ilp_address_valid, ilp_bytes_view, ilp_reject_entry, ilp_reject_lookup, ilp_reject_make
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from ilprouter.errors import LocalProtocolError

STATUSES = range(ILP_REJECT_FIRST, ILP_REJECT_END)


class RejectEntry(NamedTuple):
    """One row of the table: ILP error code, stable name for counters, message a peer reads."""

    code: str
    name: str
    message: str


def reject_entry(int status) -> RejectEntry:
    """The code, name and message of a status; an unknown status gives those of INTERNAL_ERROR, as on the wire."""
    cdef const ilp_reject_entry *entry = ilp_reject_lookup(status)
    return RejectEntry(entry.code.decode("ascii"), entry.name.decode("ascii"), entry.message.decode("ascii"))


Status = IntEnum("Status", {reject_entry(status).name.upper(): status for status in STATUSES}, module=__name__)


def make_reject(int status, str triggered_by not None, uint64_t received=0, uint64_t maximum=0) -> bytes:
    """Our own Reject as the switch makes it, in wire bytes.

    status              one of STATUSES
    triggered_by        our own ILP address
    received, maximum   incoming units, maximum inclusive; only AMOUNT_TOO_LARGE carries them
    raises              ValueError for an unknown status, LocalProtocolError when triggered_by is no address
    """
    cdef uint8_t out[2048]
    cdef ilp_bytes_view address
    cdef size_t size
    cdef bytes raw = triggered_by.encode("utf-8", "surrogatepass")
    if status not in STATUSES:
        raise ValueError(f"{status} is no status of a Reject")
    address.at = <const uint8_t *>PyBytes_AS_STRING(raw)
    address.len = <uint32_t>min(len(raw), ILP_ADDRESS_MAX + 1)
    if not ilp_address_valid(address.at, address.len):
        raise LocalProtocolError(f"triggered_by {triggered_by!r} is no ILP address", ILP_INVALID_PACKET)
    size = ilp_reject_make(out, sizeof(out), status, address, received, maximum)
    return PyBytes_FromStringAndSize(<char *>out, size)
