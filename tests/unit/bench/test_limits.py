"""The UDP echo that figures are compared with."""

import os

import pytest

from ilprouter.bench import limits
from ilprouter.bench.echo import udp_echoes_per_second, udp_socket
from ilprouter.bench.machine import cpu_pair, describe, stolen_seconds, usage


@pytest.mark.parametrize("offload", [False, True])
def test_echo_server_answers_on_a_core(offload):
    cpu = min(os.sched_getaffinity(0))
    assert udp_echoes_per_second(1000, 0.1, cpu, offload=offload) > 1000


def test_drive_counts_only_what_comes_back():
    with udp_socket(0, 20_000) as nobody, udp_socket(0, 20_000) as client:
        client.connect(nobody.getsockname())
        assert limits.udp_drive(client.fileno(), 100, window=8, seconds=0.1) == 0


def test_drive_refuses_sizes_that_fit_no_datagram():
    with pytest.raises(ValueError, match="2 to 1472"):
        limits.udp_drive(0, 1)


def test_usage_of_this_process_grows_with_work():
    before = usage(os.getpid())
    sum(range(3_000_000))
    after = usage(os.getpid())
    assert after.cpu_seconds > before.cpu_seconds
    assert 5 < after.rss_mib < 10_000


def test_usage_of_a_process_that_is_gone():
    with pytest.raises(ProcessLookupError):
        usage(2**22 - 1)


def test_machine_description_names_the_cores():
    router, load = cpu_pair()
    description = describe(router, load)
    assert description["router_cpu"] == router
    assert description["memory_mib"] > 100
    assert stolen_seconds() >= 0
