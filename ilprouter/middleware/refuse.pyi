from typing import final

from ilprouter.core.pipeline import Middleware

@final
class Refuse(Middleware):
    def __init__(self, status: int) -> None: ...
    @property
    def status(self) -> int: ...
