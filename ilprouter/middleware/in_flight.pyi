from typing import final

from ilprouter.core.pipeline import Middleware

@final
class InFlight(Middleware):
    def __init__(self, packets_max: int, amount_max: int | None = None) -> None: ...
    @property
    def packets(self) -> int: ...
    @property
    def amount(self) -> int: ...
