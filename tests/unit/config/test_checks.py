"""Rules between keys: for each bad file the exact line an operator reads."""

import pytest

from ilprouter.config import examine, parse
from ilprouter.errors import ConfigError

START = '[node]\naddress = "g.acme"\n'
HTTP = '[[listen]]\nendpoint = "http"\naddress = "127.0.0.1:7770"\n'
UDP = '[[listen]]\nendpoint = "udp"\naddress = "127.0.0.1:7768"\n'


def peer(name="alice", relation="peer", code="USD", scale=9, link=None, more=""):
    link = link or f'endpoint = "http", url = "http://127.0.0.1:8001/{name}", outgoing_token = "t"'
    return (
        f'[[peer]]\nname = "{name}"\nrelation = "{relation}"\n'
        f'asset = {{ code = "{code}", scale = {scale} }}\nlink = {{ {link} }}\n{more}\n'
    )


TOKENS = 'endpoint = "http", incoming_tokens = ["planted"]'
ADDRESSES = "IP address:port, IPv6 in brackets, port 0 to 65535"
FORGED = "plain UDP can be forged"

CASES = {
    "no address": ("", "node.address is missing; accepted: an ILP address, or node.parent instead"),
    "address and parent": (
        '[node]\naddress = "g.acme"\nparent = "up"\n' + peer("up", "parent"),
        "node.parent = 'up'; accepted: no parent when node.address is set",
    ),
    "bad address": (
        '[node]\naddress = "g.acme."\n',
        "node.address = 'g.acme.'; accepted: an ILP address such as g.acme: scheme g, test, test1, "
        "test2, test3, private or local, then segments of A-Z a-z 0-9 _ ~ -",
    ),
    "bare scheme": ('[node]\naddress = "g"\n', "node.address = 'g'; accepted: an ILP address"),
    "newline": ('[node]\naddress = "g.acme\\n"\n', "node.address = 'g.acme\\n'; accepted: an ILP"),
    "peer scheme": ('[node]\naddress = "peer.x"\n', "node.address = 'peer.x'; accepted: an ILP"),
    "parent unknown": (
        '[node]\nparent = "up"\n',
        "node.parent = 'up'; accepted: the name of a peer with relation = \"parent\"",
    ),
    "parent is no parent": (
        '[node]\nparent = "up"\n' + peer("up", "child"),
        "node.parent = 'up'; accepted: the name of a peer with relation = \"parent\"",
    ),
    "two parents": (
        START + peer("a", "parent") + peer("b", "parent"),
        "peer[1].relation = 'parent'; accepted: at most one parent",
    ),
    "unknown section": (
        START + "[nodes]\n",
        "nodes = '(a table)'; accepted: did you mean node? keys here: node, base, admin, listen, "
        "rate, peer, route, pipeline, limits, http, udp, ledger, log",
    ),
    "misspelt key": (
        START + 'adress = "g.x"\n',
        "node.adress = 'g.x'; accepted: did you mean address? keys here: address, parent, profile, "
        "data_dir",
    ),
    "misspelt key near tokens": (
        START + peer(link='endpoint = "http", incoming_token = "planted"'),
        "peer[0].link.incoming_token = (hidden); accepted: did you mean incoming_tokens? keys here",
    ),
    "wrong type": (
        START + '[limits]\npending_max = "many"\n',
        "limits.pending_max = 'many'; accepted: an integer from 64 to 4000000",
    ),
    "bool is no integer": (
        START + "[limits]\npending_max = true\n",
        "limits.pending_max = True; accepted: an integer from 64 to 4000000",
    ),
    "out of range": (
        START + peer(more="limits = { in_flight = 0 }"),
        "peer[0].limits.in_flight = 0; accepted: an integer from 1 to 65536",
    ),
    "beyond int64": (
        START + peer(more="balance = { credit_limit = 9223372036854775808 }"),
        "peer[0].balance.credit_limit = 9223372036854775808; accepted: an integer from 0 to "
        "9223372036854775807",
    ),
    "not a list": (START + "[peer]\n", "peer = '(a table)'; accepted: a list; each: a table with"),
    "choice": (
        '[node]\naddress = "g.a"\nprofile = "router"\n',
        'node.profile = \'router\'; accepted: "connector" or "core" or "relay"',
    ),
    "missing name": (
        START + '[[peer]]\nrelation = "peer"\n',
        "peer[0].name is missing; accepted: 1 to 64 of A-Z a-z 0-9 _ ~ -",
    ),
    "peer name": (START + peer("a b"), "peer[0].name = 'a b'; accepted: 1 to 64 of A-Z a-z 0-9 _"),
    "quic": (
        START + peer(link='endpoint = "quic"'),
        'peer[0].link.endpoint = \'quic\'; accepted: "http" or "udp"; quic is not available in '
        "this version",
    ),
    "btp listener": (
        START + '[[listen]]\nendpoint = "btp"\naddress = "127.0.0.1:1"\n',
        'listen[0].endpoint = \'btp\'; accepted: "http" or "udp"; btp is not available in this '
        "version",
    ),
    "endpoint unknown": (
        START + peer(link='endpoint = "tcp"'),
        'peer[0].link.endpoint = \'tcp\'; accepted: "http" or "udp"',
    ),
    "endpoint missing": (
        START + peer(link='url = "http://127.0.0.1/"'),
        'peer[0].link.endpoint is missing; accepted: "http" or "udp"',
    ),
    "key of the other endpoint": (
        START + peer(link='endpoint = "udp", remote = "127.0.0.1:1", url = "http://127.0.0.1/"'),
        "peer[0].link.url = 'http://127.0.0.1/'; accepted: keys here: endpoint, remote",
    ),
    "duplicate peer": (
        START + peer() + peer(),
        "peer[1].name = 'alice'; accepted: a name no other peer has",
    ),
    "duplicate token": (
        START + HTTP + peer("a", link=TOKENS) + peer("b", link=TOKENS),
        "peer[1].link.incoming_tokens = (hidden); accepted: tokens that appear once in the file",
    ),
    "token with a space": (
        START + HTTP + peer(link='endpoint = "http", incoming_tokens = ["ok", "plan ted"]'),
        "peer[0].link.incoming_tokens[1] = (hidden); accepted: text of 1 to 1024 visible ASCII "
        "characters, no spaces",
    ),
    "tokens without a port": (
        START + peer(link=TOKENS),
        "peer[0].link.incoming_tokens = (hidden); accepted: tokens only when a [[listen]] has "
        'endpoint = "http"',
    ),
    "no way to the peer": (
        START + peer(link='endpoint = "http"'),
        "peer[0].link.url is missing; accepted: url, incoming_tokens or both",
    ),
    "url without a token": (
        START + peer(link='endpoint = "http", url = "http://127.0.0.1/"'),
        "peer[0].link.outgoing_token is missing; accepted: a token together with url",
    ),
    "scales too far apart": (
        START + peer(scale=255),
        "peer[0].asset.scale = 255; accepted: a price for which base units per link unit (scales 9 "
        "and 255) reduces to two 64-bit integers",
    ),
    "outgoing token without url": (
        START + HTTP + peer(link=TOKENS + ', outgoing_token = "planted"'),
        "peer[0].link.outgoing_token = (hidden); accepted: only together with url",
    ),
    "url": (
        START + peer(link='endpoint = "http", url = "ftp://x/"'),
        "peer[0].link.url = 'ftp://x/'; accepted: an http:// or https:// URL without user name",
    ),
    "password in url": (
        START + peer(link='endpoint = "http", url = "http://u:planted@x/"'),
        "peer[0].link.url = '(hidden)'; accepted: an http:// or https:// URL without user name",
    ),
    "ca for clear text": (
        START + peer(link='endpoint = "http", url = "http://127.0.0.1/", ca = "/ca.pem"'),
        "peer[0].link.url = 'http://127.0.0.1/'; accepted: an https:// URL when ca or cert is set",
    ),
    "client cert without key": (
        START
        + peer(
            link='endpoint = "http", url = "https://127.0.0.1/", outgoing_token = "t", '
            'cert = "/c.pem"'
        ),
        "peer[0].link.key is missing; accepted: cert and key together",
    ),
    "listener address": (
        START + HTTP.replace("127.0.0.1:7770", "localhost:7770"),
        f"listen[0].address = 'localhost:7770'; accepted: {ADDRESSES}",
    ),
    "listener twice": (
        START + HTTP + HTTP,
        "listen[1].address = '127.0.0.1:7770'; accepted: an address no other [[listen]] has",
    ),
    "listener key without cert": (
        START + HTTP + 'key = "/k.pem"\n',
        "listen[0].cert is missing; accepted: cert and key together",
    ),
    "client_ca without tls": (
        START + HTTP + 'client_ca = "/ca.pem"\n',
        "listen[0].client_ca = '/ca.pem'; accepted: only together with cert and key",
    ),
    "plain udp off loopback": (
        START + UDP.replace("127.0.0.1", "192.0.2.1"),
        "listen[0].address = '192.0.2.1:7768'; accepted: a loopback address, or "
        f"external_protection = true on a WireGuard or IPsec address: {FORGED}",
    ),
    "two udp ports": (
        START + UDP + UDP.replace("7768", "7769"),
        "listen[1].endpoint = 'udp'; accepted: one [[listen]] with endpoint = \"udp\"",
    ),
    "udp remote": (
        START + UDP + peer(link='endpoint = "udp", remote = "127.0.0.1"'),
        "peer[0].link.remote = '127.0.0.1'; accepted: IP address:port, IPv6 in brackets, "
        "port 1 to 65535",
    ),
    "udp remote off loopback": (
        START + UDP + peer(link='endpoint = "udp", remote = "192.0.2.1:1"'),
        "peer[0].link.remote = '192.0.2.1:1'; accepted: a loopback address, or external_protection "
        f"= true in the udp [[listen]]: {FORGED}",
    ),
    "udp remote twice": (
        START
        + UDP
        + peer("a", link='endpoint = "udp", remote = "127.0.0.1:1"')
        + peer("b", link='endpoint = "udp", remote = "127.0.0.1:1"'),
        "peer[1].link.remote = '127.0.0.1:1'; accepted: an address no other peer has",
    ),
    "udp without a port": (
        START + peer(link='endpoint = "udp", remote = "127.0.0.1:1"'),
        "peer[0].link.endpoint = 'udp'; accepted: udp only when a [[listen]] has "
        'endpoint = "udp"',
    ),
    "admin address": (
        START + '[admin]\nlisten = "7771"\n',
        f"admin.listen = '7771'; accepted: {ADDRESSES}",
    ),
    "admin off loopback": (
        START + '[admin]\nlisten = "0.0.0.0:7771"\n',
        "admin.listen = '0.0.0.0:7771'; accepted: a loopback address, or any address with "
        "admin.token set",
    ),
    "no rate": (
        START + '[[rate]]\ncode = "XRP"\nprice = "1"\n' + peer(code="EUR"),
        "peer[0].asset.code = 'EUR'; accepted: an asset with a [[rate]]: USD, XRP",
    ),
    "float price": (
        START + '[[rate]]\ncode = "XRP"\nprice = 0.52\n',
        'rate[0].price = 0.52; accepted: text, an exact decimal such as "0.52" or a ratio such as '
        '"13/25"',
    ),
    "zero price": (
        START + '[[rate]]\ncode = "XRP"\nprice = "0.00"\n',
        "rate[0].price = '0.00'; accepted: text: an exact decimal",
    ),
    "division by zero": (
        START + '[[rate]]\ncode = "XRP"\nprice = "1/0"\n',
        "rate[0].price = '1/0'; accepted: text: an exact decimal",
    ),
    "price of the base": (
        START + '[[rate]]\ncode = "USD"\nprice = "2"\n',
        "rate[0].price = '2'; accepted: \"1\", the price of the base currency",
    ),
    "two prices": (
        START + '[[rate]]\ncode = "XRP"\nprice = "1"\n' * 2,
        "rate[1].code = 'XRP'; accepted: an asset no other [[rate]] prices",
    ),
    "route prefix": (
        START + peer() + '[[route]]\nprefix = "g.bob."\npeer = "alice"\n',
        "route[0].prefix = 'g.bob.'; accepted: an ILP address prefix such as g.bob, no dot at the "
        "end",
    ),
    "route to peer scheme": (
        START + peer() + '[[route]]\nprefix = "peer"\npeer = "alice"\n',
        "route[0].prefix = 'peer'; accepted: an ILP address prefix",
    ),
    "route twice": (
        START + peer() + '[[route]]\nprefix = "g.b"\npeer = "alice"\n' * 2,
        "route[1].prefix = 'g.b'; accepted: a prefix no other [[route]] has",
    ),
    "route to nobody": (
        START + '[[route]]\nprefix = "g.b"\npeer = "alice"\n',
        "route[0].peer = 'alice'; accepted: the name of a peer: none is configured",
    ),
    "burst alone": (
        START + peer(more="limits = { burst = 5 }"),
        "peer[0].limits.burst = 5; accepted: only together with packets_per_second",
    ),
    "hold over the router's": (
        START + peer(more="limits = { max_hold_ms = 40000 }"),
        "peer[0].limits.max_hold_ms = 40000; accepted: at most limits.max_hold_ms = 30000",
    ),
    "window over hold": (
        START + peer(more="limits = { max_hold_ms = 2000, min_window_ms = 2000 }"),
        "peer[0].limits.min_window_ms = 2000; accepted: less than max_hold_ms = 2000",
    ),
    "limits of no balance": (
        START + peer(more='balance = { model = "none", credit_limit = 5 }'),
        "peer[0].balance.model = 'none'; accepted: \"local\" when limits of a balance are set",
    ),
    "threshold without engine": (
        START + peer(more="balance = { settle_threshold = 5 }"),
        "peer[0].balance.settle_threshold = 5; accepted: only together with the peer's settlement "
        "table",
    ),
    "settle to above threshold": (
        START
        + peer(
            more="balance = { settle_threshold = 5, settle_to = 5 }\n"
            'settlement = { engine = "http://127.0.0.1/", scale = 2 }'
        ),
        "peer[0].balance.settle_to = 5; accepted: less than settle_threshold = 5",
    ),
    "engine url": (
        START + peer(more='settlement = { engine = "127.0.0.1:3000", scale = 2 }'),
        "peer[0].settlement.engine = '127.0.0.1:3000'; accepted: an http:// or https:// URL",
    ),
    "engine without books": (
        START
        + peer(
            more='balance = { model = "none" }\n'
            'settlement = { engine = "http://127.0.0.1/", scale = 2 }'
        ),
        "peer[0].balance.model = 'none'; accepted: \"local\" when a settlement engine is set",
    ),
    "core with limits": (
        START + 'profile = "core"\n' + peer(more="limits = { packets_per_second = 5 }"),
        "peer[0].limits = '(a table)'; accepted: only in_flight in profile core, which runs no "
        "middleware",
    ),
    "relay with a balance": (
        START + 'profile = "relay"\n' + peer(more="balance = { credit_limit = 5 }"),
        "peer[0].balance = '(a table)'; accepted: no balance in profile relay, which keeps "
        "no books",
    ),
    "relay with another asset": (
        START + 'profile = "relay"\n' + peer(scale=6),
        "peer[0].asset = 'USD scale 6'; accepted: USD scale 9: profile relay does not exchange",
    ),
    "relay with an engine": (
        START
        + 'profile = "relay"\n'
        + peer(more='settlement = { engine = "http://127.0.0.1/", scale = 2 }'),
        "peer[0].settlement = '(a table)'; accepted: no settlement in profile relay",
    ),
    "outgoing stage on the incoming side": (
        START + '[pipeline]\nincoming = ["exchange", "expiry"]\n',
        "pipeline.incoming = 'expiry'; accepted: expiry only on the outgoing side",
    ),
    "unknown stage": (
        START + '[pipeline]\noutgoing = ["exchange", "log"]\n',
        "pipeline.outgoing = 'log'; accepted: stages of profile connector: balance, exchange, "
        "expiry, in-flight, max-amount, rate-limit, throughput",
    ),
    "stage twice": (
        START + '[pipeline]\noutgoing = ["exchange", "expiry", "expiry"]\n',
        "pipeline.outgoing = ['exchange', 'expiry', 'expiry']; accepted: each stage once",
    ),
    "exchange taken out": (
        START + "[pipeline]\noutgoing = []\n" + peer(scale=6),
        "pipeline.outgoing = []; accepted: exchange, which peer alice needs",
    ),
    "stage in core": (
        START + 'profile = "core"\n[pipeline]\nincoming = ["max-amount"]\n',
        "pipeline.incoming = 'max-amount'; accepted: stages of profile core: none",
    ),
    "breaker after fence": (
        START + "[ledger]\nbusy_ms = 5000\n",
        "ledger.busy_ms = 5000; accepted: less than fence_ms = 5000",
    ),
}


@pytest.mark.parametrize("text, line", CASES.values(), ids=CASES)
def test_bad_file(text, line):
    with pytest.raises(ConfigError) as caught:
        parse(text, "r.toml")
    assert str(caught.value).startswith(f"r.toml: {line}")
    assert "plan" not in str(caught.value).replace("plain", "")


@pytest.mark.parametrize(
    "text",
    [
        START,
        '[node]\nparent = "up"\n' + peer("up", "parent"),
        START + HTTP.replace("7770", "0") + HTTP.replace("7770", "0"),
        START + UDP.replace("127.0.0.1", "[::1]"),
        START + UDP.replace("127.0.0.1", "192.0.2.1") + "external_protection = true\n",
        START + '[admin]\nlisten = "0.0.0.0:7771"\ntoken = "x"\n',
        START + peer() + '[[route]]\nprefix = ""\npeer = "alice"\n',
        START + 'profile = "core"\n' + peer(more="limits = { in_flight = 9 }"),
        START + 'profile = "relay"\n' + peer(more='balance = { model = "none" }'),
        START + peer(scale=6),
        START + '[[rate]]\ncode = "XRP"\nprice = "13/25"\n' + peer(code="XRP"),
        START + '[pipeline]\nincoming = ["max-amount", "balance", "exchange"]\n',
    ],
)
def test_good_file(text):
    assert parse(text).node is not None


def test_every_breach_is_found_not_only_the_first(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text(START + peer(code="EUR") + '[[route]]\nprefix = "g."\npeer = "bob"\n')
    _, breaches = examine(path)
    assert [breach.key for breach in breaches] == [
        "peer[0].asset.code",
        "route[0].prefix",
        "route[0].peer",
    ]
