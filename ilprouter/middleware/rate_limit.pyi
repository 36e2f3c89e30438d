from typing import final

from ilprouter.core.pipeline import Middleware

@final
class RateLimit(Middleware):
    def __init__(
        self,
        packets_per_second: int,
        burst: int | None = None,
        zero_packets_per_second: int | None = None,
        zero_burst: int | None = None,
    ) -> None: ...
