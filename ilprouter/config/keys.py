"""Every key of the file as data: path, what it accepts, default, example, meaning.

Owns the walk over the types; `config default` and the manual are written from it, so that neither
can name a key that does not exist or leave one out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import NODEFAULT, Struct, inspect

from ilprouter.config.errors import bare, describe, is_secret
from ilprouter.config.types import Config

# An example where the default is none, or is not a useful one to show.
EXAMPLES = {
    "node.address": "g.acme",
    "node.parent": "upstream",
    "admin.listen": "127.0.0.1:7771",
    "admin.token_file": "admin-token",
    "admin.allow_uids": [1000],
    "admin.allow_gids": [1000],
    "listen.endpoint": "http",
    "listen.address": "127.0.0.1:7770",
    "listen.cert": "tls/cert.pem",
    "listen.key": "tls/key.pem",
    "listen.client_ca": "tls/peers-ca.pem",
    "rate.code": "XRP",
    "rate.price": "0.52",
    "peer.name": "alice",
    "peer.relation": "child",
    "peer.asset.code": "USD",
    "peer.asset.scale": 9,
    "peer.link.endpoint": "http",
    "peer.link.url": "https://ilp.alice.example/ilp",
    "peer.link.incoming_tokens": ["token-that-alice-shows"],
    "peer.link.incoming_tokens_file": "tokens/alice-in",
    "peer.link.outgoing_token": "token-that-we-show",
    "peer.link.outgoing_token_file": "tokens/alice-out",
    "peer.link.connections_max": 4,
    "peer.link.ca": "tls/alice-ca.pem",
    "peer.link.cert": "tls/client.pem",
    "peer.link.key": "tls/client-key.pem",
    "peer.link.remote": "127.0.0.1:9768",
    "peer.limits.max_packet_amount": 1_000_000,
    "peer.limits.packets_per_second": 10_000,
    "peer.limits.burst": 20_000,
    "peer.limits.in_flight_amount": 50_000_000,
    "peer.limits.incoming_amount_per_second": 1_000_000_000,
    "peer.limits.outgoing_amount_per_second": 1_000_000_000,
    "peer.balance.credit_limit": 100_000_000,
    "peer.balance.we_owe_limit": 500_000_000,
    "peer.balance.settle_threshold": 50_000_000,
    "peer.settlement.engine": "http://127.0.0.1:3000",
    "peer.balance.settle_every_s": 86_400,
    "peer.settlement.standby_engines": ["http://127.0.0.1:3001"],
    "peer.settlement.scale": 6,
    "peer.settlement.token": "token-that-the-engine-shows",
    "peer.settlement.token_file": "tokens/engine-in",
    "peer.settlement.outgoing_token": "token-for-the-engine",
    "peer.settlement.outgoing_token_file": "tokens/engine-out",
    "peer.settlement.credit_max_per_day": 1_000_000_000,
    "route.prefix": "g.bob",
    "route.peer": "bob",
    "pipeline.incoming": ["rate-limit", "max-amount", "in-flight", "balance", "exchange"],
    "pipeline.outgoing": ["exchange", "balance", "expiry"],
    "admin.token": "token-for-the-tcp-address",
}


class Key(Struct, frozen=True):
    """One key.

    path       dotted, lists by their singular name: "peer.link.url"
    endpoint   the endpoint the key belongs to, "" for all: "http"
    accepted   what it takes, in words
    default    the value without the key; REQUIRED or None (nothing) as they are
    about      one sentence
    example    a value that is accepted
    """

    path: str
    endpoint: str
    accepted: str
    default: Any
    about: str
    example: Any


class Table(Struct, frozen=True):
    """One table of the file: "node", "peer.limits"; `many` for [[...]]."""

    path: str
    about: str
    many: bool
    keys: tuple[Key, ...]


REQUIRED = NODEFAULT


def tables() -> Iterator[Table]:
    """Every table of the file, outer ones first, in the order of the file."""
    root = inspect.type_info(Config)
    if isinstance(root, inspect.StructType):
        for field in root.fields:
            yield from table(field.encode_name, field.type, "")


def table(path: str, node: inspect.Type, endpoint: str) -> Iterator[Table]:
    """A table and the tables inside it."""
    inner = bare(node)
    many = isinstance(inner, inspect.VarTupleType)
    if isinstance(inner, inspect.VarTupleType):
        inner = bare(inner.item_type)
    members = inner.types if isinstance(inner, inspect.UnionType) else (inner,)
    keys: list[Key] = []
    nested: list[Table] = []
    for member in members:
        if not isinstance(member, inspect.StructType):
            continue
        kind = str(member.tag) if len(members) > 1 and member.tag else endpoint
        if member.tag_field and not keys:
            name = f"{path}.{member.tag_field}"
            keys.append(Key(name, "", describe(None), REQUIRED, "The transport.", EXAMPLES[name]))
        for field in member.fields:
            name = f"{path}.{field.encode_name}"
            if is_table(field.type):
                nested.extend(table(name, field.type, kind))
            else:
                keys.append(key(name, field, kind))
    yield Table(path, sentence(node), many, tuple(keys))
    yield from nested


def is_table(node: inspect.Type) -> bool:
    """Does a key hold a table of its own?"""
    inner = bare(node)
    return isinstance(inner, inspect.StructType) or (
        isinstance(inner, inspect.UnionType) and isinstance(inner.types[0], inspect.StructType)
    )


def key(path: str, field: inspect.Field, endpoint: str) -> Key:
    """One key from its field."""
    default = REQUIRED if field.required else field.default
    if isinstance(default, tuple):
        default = list(default)
    example = EXAMPLES.get(path, default)
    return Key(path, endpoint, describe(field.type), default, sentence(field.type), example)


def sentence(node: inspect.Type) -> str:
    """The sentence a key is documented with."""
    if isinstance(node, inspect.Metadata):
        own = (node.extra_json_schema or {}).get("description")
        return str(own) if own else sentence(node.type)
    if isinstance(node, inspect.UnionType):
        return next((found for member in node.types if (found := sentence(member))), "")
    return ""


def secret_paths() -> frozenset[str]:
    """Paths of the keys that hold tokens."""
    root = inspect.type_info(Config)
    found: set[str] = set()

    def visit(path: str, node: inspect.Type) -> None:
        if is_secret(node):
            found.add(path)
        inner = bare(node)
        if isinstance(inner, inspect.VarTupleType):
            visit(path, inner.item_type)
        for member in inner.types if isinstance(inner, inspect.UnionType) else (inner,):
            if isinstance(member, inspect.StructType):
                for field in member.fields:
                    visit(f"{path}.{field.encode_name}".lstrip("."), field.type)

    visit("", root)
    return frozenset(found)
