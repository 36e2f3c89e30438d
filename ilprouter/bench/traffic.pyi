from collections.abc import Iterable

class Traffic:
    packet_size: int
    destinations: tuple[str, ...]
    def __init__(
        self,
        destinations: Iterable[str],
        amounts: Iterable[int] = (100,),
        packet_size: int = 200,
        pairs: int = 4096,
    ) -> None: ...
    def __len__(self) -> int: ...
