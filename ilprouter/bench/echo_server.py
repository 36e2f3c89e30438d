"""The far side of a comparison, as a child process: `python -m ilprouter.bench.echo_server MODE …`.

Owns one server that answers by itself until it is killed or left alone. Contains no switch.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from ilprouter.bench.topology import HOST, PeerSpec, Topology, Transport

DRIVER = PeerSpec(name="driver", transport="http", port=1)


def echo_topology(directory: Path, transport: Transport, port: int, own_port: int = 1) -> Topology:
    """The server as a "router" with one peer, the driver.

    directory   holds the certificate when the transport is https
    port        where the server listens
    own_port    where the driver listens; the server never calls back
    """
    from ilprouter.bench.topology import Certificate

    files = Certificate(directory / "cert.pem", directory / "key.pem")
    driver = PeerSpec(name=DRIVER.name, transport=transport, port=own_port)
    return Topology(
        directory=directory,
        peers=(driver,),
        ports={transport: port},
        certificate=files if transport == "https" else None,
    )


async def serve_http(transport: Transport, port: int, directory: Path) -> None:
    """Answer every Prepare with its Fulfill, through the router's own endpoint, until SIGTERM."""
    from ilprouter.bench.load import Load
    from ilprouter.bench.peers import tls_contexts
    from ilprouter.core.endpoint import Pool, Round
    from ilprouter.endpoints.http import HttpEndpoint

    topology = echo_topology(directory, transport, port)
    round_, pool = Round(), Pool(131_072, 64)
    load = Load(round_, pool)
    endpoint = HttpEndpoint(round_, pool)
    server, _ = tls_contexts(topology.certificate)
    await endpoint.listen(f"{HOST}:{port}", ssl_context=server)
    await endpoint.open()
    driver = topology.peers[0]
    load.add(endpoint.add_link(driver.name, incoming_tokens=[driver.token_to_router]))
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()
    await endpoint.close()


def main(arguments: list[str]) -> None:
    """`udp FD OFFLOAD` echoes on an inherited socket; `http|https PORT DIRECTORY` answers."""
    mode = arguments[0]
    if mode == "udp":
        from ilprouter.bench import limits

        limits.udp_serve(int(arguments[1]), offload=arguments[2] == "1")
        return
    import uvloop

    transport: Transport = "https" if mode == "https" else "http"
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve_http(transport, int(arguments[1]), Path(arguments[2])))


if __name__ == "__main__":
    main(sys.argv[1:])
