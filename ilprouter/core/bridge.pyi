from collections.abc import Callable
from typing import Any

from ilprouter.core.endpoint import Link, Pool, Receiver, Round

class PythonReceiver(Receiver):
    on_prepare: Callable[[Link, int, bytes], Any] | None
    on_answer: Callable[[Link, int, bytes], Any] | None
    on_failure: Callable[[Link, int, int], Any] | None
    def __init__(
        self,
        round: Round,
        pool: Pool,
        on_prepare: Callable[[Link, int, bytes], Any] | None = None,
        on_answer: Callable[[Link, int, bytes], Any] | None = None,
        on_failure: Callable[[Link, int, int], Any] | None = None,
    ) -> None: ...
    def add(self, link: Link) -> int: ...
    def reply(self, link: Link, token: int, packet: bytes) -> None: ...
    def send(
        self, link: Link, packet: bytes, handle: int = 0, timeout_ns: int = 10_000_000_000
    ) -> int: ...
    def finish(self, link: Link, token: int, outcome: int = ...) -> None: ...
