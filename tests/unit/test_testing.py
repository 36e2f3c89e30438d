"""Probe and Passage: the walk of the switch, its order and its guards."""

import pytest

from ilprouter.middleware.base import PacketInfo, Refusal, Response
from ilprouter.middleware.bridge import PythonMiddleware
from ilprouter.testing import OK, Probe


class Named:
    """Writes its name and what happened into a shared list; refuses when told so."""

    def __init__(self, name: str, seen: list[str], refusal: Refusal | None = None) -> None:
        self.name, self.seen, self.refusal = name, seen, refusal

    def on_prepare(self, packet: PacketInfo) -> Refusal | None:
        self.seen.append(f"{self.name} prepare")
        return self.refusal

    def on_response(self, packet: PacketInfo, response: Response) -> None:
        self.seen.append(f"{self.name} {response.name.lower()}")


def stages(seen: list[str], *names: str) -> list[PythonMiddleware]:
    return [PythonMiddleware(Named(name, seen)) for name in names]


def test_out_in_order_and_back_in_reverse() -> None:
    seen: list[str] = []
    passage = Probe(stages(seen, "a", "b"), stages(seen, "c", "d")).prepare(1)
    assert (passage.status, passage.hooks) == (OK, (2, 2))
    passage.fulfill()
    passage.late()
    assert seen == [
        *("a prepare", "b prepare", "c prepare", "d prepare"),
        *("d fulfill", "c fulfill", "b fulfill", "a fulfill"),
        *("b late", "a late"),
    ]
    assert passage.hooks == (0, 0)


def test_refusal_is_walked_back_without_the_refuser() -> None:
    seen: list[str] = []
    refuser = PythonMiddleware(Named("no", seen, Refusal(20)))
    passage = Probe(stages(seen, "a"), [*stages(seen, "b"), refuser]).prepare(1)
    assert passage.status == 20
    assert seen == ["a prepare", "b prepare", "no prepare", "b abort", "a abort"]


def test_each_packet_is_answered_once() -> None:
    passage = Probe().prepare(1)
    with pytest.raises(RuntimeError, match="only a fulfilled packet can be late"):
        passage.late()
    with pytest.raises(RuntimeError, match="not parked"):
        passage.resume()
    passage.fulfill()
    for again in (passage.fulfill, passage.reject, passage.abort):
        with pytest.raises(RuntimeError, match="not in flight"):
            again()
    passage.late()
    with pytest.raises(RuntimeError, match="only a fulfilled packet can be late"):
        passage.late()


def test_base_is_the_amount_as_it_came() -> None:
    passage = Probe().prepare(2**64 - 1)
    assert passage.base == (2**64 - 1, 1)
    assert passage.amount_outgoing == passage.amount_incoming == 2**64 - 1


def test_packet_larger_than_any_is_refused() -> None:
    with pytest.raises(ValueError, match="no packet has 50000 bytes"):
        Probe().prepare(1).reject(bytes(50_000))
