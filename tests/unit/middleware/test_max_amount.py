"""MaxAmount: the limit is inclusive, the refusal carries it, and nothing else is touched."""

import pytest

from ilprouter.core.reject import Status
from ilprouter.middleware.max_amount import MaxAmount
from ilprouter.testing import OK, Probe


@pytest.mark.parametrize("limit", [0, 1, 2**53 + 1, 2**63, 2**64 - 1])
def test_limit_is_inclusive(limit: int) -> None:
    assert Probe([MaxAmount(limit)]).prepare(limit).status == OK


@pytest.mark.parametrize("limit", [0, 1, 2**53, 2**63, 2**64 - 2])
def test_one_more_is_refused_with_the_limit(limit: int) -> None:
    passage = Probe([MaxAmount(limit)]).prepare(limit + 1)
    assert passage.status == Status.AMOUNT_TOO_LARGE
    assert passage.amount_maximum == limit
    assert passage.amount_incoming == limit + 1


def test_answers_pass_untouched() -> None:
    probe = Probe([MaxAmount(10)])
    assert probe.prepare(10).fulfill() == OK
    assert probe.prepare(10).reject(b"any bytes") == b"any bytes"
    passage = probe.prepare(10)
    passage.abort()
    assert passage.hooks == (0, 0)


@pytest.mark.parametrize("wrong", [-1, 2**64, 1.0, "1", None, True])
def test_wrong_limit_is_named(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"amount_max must be an integer from 0 to 1844"):
        MaxAmount(wrong)  # type: ignore[arg-type]


def test_belongs_to_the_incoming_side() -> None:
    with pytest.raises(ValueError, match="incoming"):
        Probe(outgoing=[MaxAmount(1)])
