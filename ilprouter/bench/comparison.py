"""The limit beside a figure: what machine and transports allow without a router, in the same run.

Owns the arithmetic from echoes to transactions. Knows no router.
"""

from __future__ import annotations

from typing import Any

from ilprouter.bench import haproxy
from ilprouter.bench.echo import http_requests_per_second, udp_echoes_per_second
from ilprouter.bench.scenarios import PACKET_SIZE, Scenario
from ilprouter.bench.topology import Transport

PAYLOAD_SIZE = 1200  # default UDP payload of the endpoint, bytes
DATAGRAM_HEADER = 20  # in front of the frames of a datagram, bytes
FRAME_OVERHEAD = 11  # in front of each packet of a datagram, bytes
Figures = dict[str, Any]


async def measure_limit(scenario: Scenario, seconds: float, cpu: int) -> Figures:
    """What the machine and the transports allow without a router, as transactions per second.

    A transaction crosses two legs, each with one message either way: its limit is the harmonic sum
    of what each leg allows. An echo of a datagram is one crossing of one leg for all its packets.
    """
    figures: Figures = {}
    rates: dict[Transport, float] = {}
    for transport in dict.fromkeys((scenario.incoming, scenario.outgoing)):
        if transport == "udp":
            packets, size = packing(PACKET_SIZE, PAYLOAD_SIZE)
            plain = udp_echoes_per_second(size, seconds, cpu)
            offload = udp_echoes_per_second(size, seconds, cpu, offload=True)
            rates["udp"] = plain * packets
            figures["udp_echoes_per_s"] = plain
            figures["udp_offload_echoes_per_s"] = offload
            figures["packets_per_datagram"] = packets
        else:
            rates[transport] = await http_requests_per_second(
                transport,
                seconds,
                cpu,
                packet_size=PACKET_SIZE,
                window=scenario.window,
            )
            figures[f"{transport}_requests_per_s"] = rates[transport]
    figures["limit_tx_per_s"] = 1 / (1 / rates[scenario.incoming] + 1 / rates[scenario.outgoing])
    if (scenario.incoming, scenario.outgoing) == ("http", "http"):
        figures |= await haproxy.measure(seconds, cpu, packet_size=PACKET_SIZE)
    return figures


def packing(packet_size: int, payload_size: int) -> tuple[int, int]:
    """How many packets share a datagram, and its size then.

    packet_size   bytes of one ILP packet
    payload_size  largest UDP payload, bytes
    returns       (packets, bytes)
    """
    frame = packet_size + FRAME_OVERHEAD
    packets = max(1, (payload_size - DATAGRAM_HEADER) // frame)
    return packets, DATAGRAM_HEADER + packets * frame
