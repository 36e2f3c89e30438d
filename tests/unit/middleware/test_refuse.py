"""Refuse: lets nothing pass, on either side, and leaves nothing behind."""

import pytest

from ilprouter.core.reject import Status
from ilprouter.middleware.refuse import Refuse
from ilprouter.testing import Probe


@pytest.mark.parametrize("status", [Status.CONNECTOR_BUSY, Status.PEER_UNREACHABLE])
def test_refuses_everything_with_its_status(status: Status) -> None:
    stage = Refuse(status)
    assert stage.status == status
    for probe in (Probe([stage]), Probe(outgoing=[stage])):
        for amount in (0, 1, 2**64 - 1):
            passage = probe.prepare(amount)
            assert passage.status == status
            assert passage.hooks == (0, 0)


@pytest.mark.parametrize("wrong", [-1, 0, 1, 15, 64, 1000])
def test_takes_only_the_status_of_a_reject(wrong: int) -> None:
    with pytest.raises(ValueError, match="not the status of a Reject"):
        Refuse(wrong)
