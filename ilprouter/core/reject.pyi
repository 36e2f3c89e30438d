from enum import IntEnum
from typing import Final, NamedTuple

STATUSES: Final[range]

class RejectEntry(NamedTuple):
    code: str
    name: str
    message: str

class Status(IntEnum):
    BAD_REQUEST = 16
    INVALID_PACKET = 17
    UNKNOWN_PEER_PROTOCOL = 18
    UNREACHABLE = 19
    ROUTE_LOOP = 20
    WRONG_NETWORK = 21
    INVALID_AMOUNT = 22
    WRONG_CONDITION = 23
    UNEXPECTED_PAYMENT = 24
    AMOUNT_TOO_LARGE = 25
    AMOUNT_OVERFLOW = 26
    INTERNAL_ERROR = 27
    RATE_UNAVAILABLE = 28
    PACKET_TOO_LARGE = 29
    INVALID_ANSWER = 30
    PEER_UNREACHABLE = 31
    PEER_BUSY = 32
    CONNECTOR_BUSY = 33
    STORE_BUSY = 34
    INSUFFICIENT_LIQUIDITY = 35
    OUTGOING_LIQUIDITY = 36
    THROUGHPUT_EXCEEDED = 37
    IN_FLIGHT_EXCEEDED = 38
    RATE_LIMITED = 39
    TRANSFER_TIMED_OUT = 40
    INSUFFICIENT_SOURCE_AMOUNT = 41
    INSUFFICIENT_TIMEOUT = 42
    EXPIRED = 43

def reject_entry(status: int) -> RejectEntry: ...
def make_reject(status: int, triggered_by: str, received: int = 0, maximum: int = 0) -> bytes: ...
