from collections.abc import Awaitable, Callable
from typing import Literal, overload

from ilprouter.core.endpoint import Endpoint, Link

Answer = bytes | Awaitable[bytes]

class LoopbackEndpoint(Endpoint):
    @overload
    def add_link(
        self,
        name: str,
        handler: Callable[[bytes], Answer] | None = None,
        in_flight: int = 4096,
        origin: Literal[False] = False,
    ) -> LoopbackLink: ...
    @overload
    def add_link(
        self,
        name: str,
        handler: Callable[[bytes, int | None], Answer],
        in_flight: int = 4096,
        *,
        origin: Literal[True],
    ) -> LoopbackLink: ...

class LoopbackLink(Link):
    async def request(self, packet: bytes) -> bytes: ...
