"""Packets for tests: a Prepare with a known preimage, its Fulfill, a Reject. By our own codec."""

import hashlib
import time

from ilprouter.core.packet import Fulfill, Prepare, Reject

PREIMAGE = bytes(range(32))
CONDITION = hashlib.sha256(PREIMAGE).digest()


def prepare(
    destination: str = "g.bob.x",
    amount: int = 100,
    *,
    expires_in_ms: int = 10_000,
    condition: bytes = CONDITION,
    data: bytes = b"hello",
) -> bytes:
    """A canonical Prepare that expires `expires_in_ms` from now."""
    expires_at = int(time.time() * 1000) + expires_in_ms
    return Prepare(amount, expires_at, condition, destination, data).to_bytes()


def fulfill(data: bytes = b"", preimage: bytes = PREIMAGE) -> bytes:
    return Fulfill(preimage, data).to_bytes()


def reject(code: str = "F99", data: bytes = b"", triggered_by: str = "g.bob") -> bytes:
    return Reject(code, triggered_by, "planted", data).to_bytes()
