from typing import final

from ilprouter.core.pipeline import Middleware

@final
class ShortenExpiry(Middleware):
    def __init__(self, min_window_ms: int = 1000, max_hold_ms: int = 30000) -> None: ...
    @property
    def min_window_ms(self) -> int: ...
    @property
    def max_hold_ms(self) -> int: ...
