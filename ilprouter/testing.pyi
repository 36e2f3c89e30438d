from collections.abc import Sequence
from typing import final

from ilprouter.core.pipeline import Middleware, Pipeline

OK: int
WAIT: int

@final
class Probe:
    incoming: Pipeline
    outgoing: Pipeline
    def __init__(
        self, incoming: Sequence[Middleware] = (), outgoing: Sequence[Middleware] = ()
    ) -> None: ...
    def prepare(
        self,
        amount: int = 0,
        *,
        now_ns: int = 1_000_000_000_000,
        expires_in_ns: int = 30_000_000_000,
        hold_max_ns: int = 60_000_000_000,
        wall_ms: int = 1_800_000_000_000,
        destination: bytes = b"test.bob",
        data_len: int = 0,
    ) -> Passage: ...

@final
class Passage:
    status: int
    def resume(self) -> int: ...
    def fulfill(self) -> int: ...
    def reject(self, packet: bytes = b"") -> bytes: ...
    def abort(self) -> None: ...
    def late(self) -> int: ...
    @property
    def amount_incoming(self) -> int: ...
    @property
    def base(self) -> tuple[int, int]: ...
    @property
    def amount_outgoing(self) -> int: ...
    @property
    def amount_maximum(self) -> int: ...
    @property
    def expires_incoming_ns(self) -> int: ...
    @property
    def expires_outgoing_ns(self) -> int: ...
    @property
    def expires_outgoing_ms(self) -> int: ...
    @property
    def hooks(self) -> tuple[int, int]: ...
