"""A router in this process, started from real files, for tests that give it orders.

Owns the files; binds loopback on ports the kernel chose.
"""

from contextlib import asynccontextmanager
from pathlib import Path

from ilprouter.bench.topology import free_ports, free_udp_ports
from ilprouter.config.documents import examine_documents, read_documents
from ilprouter.router import Router

BASE = """
[node]
address = "g.acme"
data_dir = "{directory}/data"
[admin]
socket = "{directory}/admin.sock"
[ledger]
store = "memory"
[[listen]]
endpoint = "udp"
address = "127.0.0.1:{udp}"
[[listen]]
endpoint = "http"
address = "127.0.0.1:{http}"
[[rate]]
code = "XRP"
price = "0.5"
[[peer]]
name = "alice"
relation = "child"
asset = {{ code = "USD", scale = 9 }}
link = {{ endpoint = "http", incoming_tokens = ["alice-1"] }}
limits = {{ packets_per_second = 1000 }}
balance = {{ credit_limit = 1000 }}
[[peer]]
name = "bob"
relation = "peer"
asset = {{ code = "XRP", scale = 6 }}
link = {{ endpoint = "udp", remote = "127.0.0.1:{bob}" }}
[[route]]
prefix = "g.bob"
peer = "bob"
"""


def write_base(directory: Path) -> Path:
    """The main file, in a directory; returns its path."""
    (http,), (udp, bob) = free_ports(1), free_udp_ports(2)
    path = directory / "ilprouter.toml"
    path.write_text(BASE.format(directory=directory, http=http, udp=udp, bob=bob))
    return path


@asynccontextmanager
async def running(path: Path):
    """The router of a file, open."""
    documents = read_documents(path, print)
    config, breaches = examine_documents(documents, print)
    assert breaches == []
    fences = []
    router = Router(config, fences.append, path=path, documents=documents)
    try:
        await router.open()
        yield router
    finally:
        await router.close()
    assert fences == []
