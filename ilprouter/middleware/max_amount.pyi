from typing import final

from ilprouter.core.pipeline import Middleware

@final
class MaxAmount(Middleware):
    def __init__(self, amount_max: int) -> None: ...
    @property
    def amount_max(self) -> int: ...
