"""`ilprouter decode`: the fields of one packet, from hex or from raw bytes.

Owns the command's input and output; the codec does the reading.
"""

from __future__ import annotations

import re
import sys
from typing import Any

import click

from ilprouter.cli.options import json_option, print_json

HEX = re.compile(rb"(?:[0-9A-Fa-f]{2})+")
INPUT_MAX = 1 << 20


def octets(text: bytes) -> bytes:
    """The packet in what was typed or piped: hex with spaces and 0x, or the bytes themselves."""
    stripped = re.sub(rb"[\s:]+", b"", text).removeprefix(b"0x")
    return bytes.fromhex(stripped.decode()) if HEX.fullmatch(stripped) else text


def fields(packet: bytes) -> dict[str, Any]:
    """A packet's fields in the words of the RFC; byte fields as hex.

    raises   RemoteProtocolError when it is no ILPv4 packet
    """
    from ilprouter import clock
    from ilprouter.core.packet import Fulfill, Prepare, parse, parse_amount_too_large_data

    found = parse(packet)
    canonical = found.to_bytes() == packet
    if isinstance(found, Prepare):
        shown: dict[str, Any] = {
            "type": "prepare",
            "amount": str(found.amount),
            "expires_at": clock.rfc3339(found.expires_at),
            "execution_condition": found.execution_condition.hex(),
            "destination": found.destination,
        }
    elif isinstance(found, Fulfill):
        shown = {"type": "fulfill", "fulfillment": found.fulfillment.hex()}
    else:
        shown = {
            "type": "reject",
            "code": found.code,
            "triggered_by": found.triggered_by,
            "message": found.message,
        }
        if found.code == "F08" and len(found.data) == 16:
            received, maximum = parse_amount_too_large_data(found.data)
            shown |= {"received_amount": str(received), "maximum_amount": str(maximum)}
    return {**shown, "data": found.data.hex(), "length": len(packet), "canonical": canonical}


@click.command()
@click.argument("packet")
@json_option
def decode(packet: str, as_json: bool) -> int:
    """Show the fields of an ILP packet: PACKET is hex, or - for hex or raw bytes on stdin.

    Exits 1 for bytes that are no ILPv4 packet.

    \b
    Examples:
      ilprouter decode 0e06463030000000
      xxd -p packet.bin | ilprouter decode -
    """
    if packet == "-":
        text = sys.stdin.buffer.read(INPUT_MAX + 1)
        if len(text) > INPUT_MAX:
            raise click.UsageError(f"more than {INPUT_MAX} bytes of input")
    else:
        text = packet.encode("utf-8", "surrogateescape")
    found = octets(text)
    if packet != "-" and found == text:
        raise click.UsageError("PACKET is not hex; use - to read raw bytes from stdin")
    shown = fields(found)
    if as_json:
        print_json(shown)
    else:
        width = max(map(len, shown))
        for name, value in shown.items():
            click.echo(f"{name.ljust(width)}  {value}")
    return 0
