from typing import final

from ilprouter.core.pipeline import Middleware

@final
class PythonMiddleware(Middleware):
    stage: object
    failures: int
    def __init__(self, stage: object) -> None: ...

def as_stage(part: object) -> Middleware: ...
