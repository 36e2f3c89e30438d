from typing import final

from ilprouter.core.pipeline import Middleware

class Throughput(Middleware):
    def __init__(self, amount_per_second: int, burst: int | None = None) -> None: ...

@final
class ThroughputIncoming(Throughput): ...

@final
class ThroughputOutgoing(Throughput): ...
