from collections.abc import Awaitable, Callable

from ilprouter.core.endpoint import Endpoint, Link

class LoopbackEndpoint(Endpoint):
    def add_link(
        self,
        name: str,
        handler: Callable[[bytes], bytes | Awaitable[bytes]] | None = None,
        in_flight: int = 4096,
    ) -> LoopbackLink: ...

class LoopbackLink(Link):
    async def request(self, packet: bytes) -> bytes: ...
