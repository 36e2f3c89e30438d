from typing import final

from ilprouter.core.pipeline import Middleware
from ilprouter.rates.rate import LiveRate, Rate

class Exchange(Middleware):
    rate: LiveRate
    def __init__(self, rate: Rate | LiveRate) -> None: ...

@final
class ExchangeIncoming(Exchange): ...

@final
class ExchangeOutgoing(Exchange): ...
