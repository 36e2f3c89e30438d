from collections.abc import Iterable

class Middleware:
    side: str

class Pipeline:
    def __init__(self, stages: Iterable[Middleware] = ..., side: str = "incoming") -> None: ...
    @property
    def stages(self) -> tuple[Middleware, ...]: ...
