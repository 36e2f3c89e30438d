"""Loading: the example of the manual, conf.d, secret files; only ConfigError ever comes out."""

import os
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilprouter.config import HttpLink, Secret, UdpLink, load, parse
from ilprouter.errors import ConfigError

EXAMPLE = """
[node]
address  = "g.acme"
profile  = "connector"
data_dir = "/var/lib/ilprouter"
[base]
code = "USD"
scale = 9
[admin]
socket = "/run/ilprouter/admin.sock"
listen = "127.0.0.1:7771"
[[listen]]
endpoint = "http"
address  = "127.0.0.1:7770"
[[listen]]
endpoint = "udp"
address  = "127.0.0.1:7768"
[[rate]]
code = "XRP"
price = "0.52"
[[peer]]
name = "alice"
relation = "child"
asset = { code = "USD", scale = 9 }
link = { endpoint = "http", url = "http://127.0.0.1:8001/ilp", incoming_tokens = ["planted-a"], outgoing_token = "planted-b" }
limits = { max_packet_amount = 1000000, packets_per_second = 10000, in_flight = 4096 }
balance = { model = "local", credit_limit = 100000000, settle_threshold = 50000000, settle_to = 0 }
settlement = { engine = "http://127.0.0.1:3000", scale = 9 }
[[peer]]
name = "bob"
relation = "peer"
asset = { code = "XRP", scale = 9 }
link = { endpoint = "udp", remote = "127.0.0.1:9768" }
[[route]]
prefix = "g.bob"
peer = "bob"
"""  # noqa: E501

MINIMAL = '[node]\naddress = "g.acme"\n'


def write(path, text, mode=0o600):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    os.chmod(path, mode)
    return path


def test_the_example_of_the_manual_loads_and_is_comparable(tmp_path):
    path = write(tmp_path / "r.toml", EXAMPLE)
    config = load(path)
    assert config == load(path)
    assert [peer.name for peer in config.peers] == ["alice", "bob"]
    alice, bob = config.peers
    assert isinstance(alice.link, HttpLink) and alice.link.incoming_tokens == (Secret("planted-a"),)
    assert isinstance(bob.link, UdpLink) and bob.link.remote == "127.0.0.1:9768"
    assert bob.balance.credit_limit == 0  # without a balance table a peer gets no credit
    assert config.routes[0].prefix == "g.bob"
    assert config.peer_named("bob") is bob
    assert config.peer_named("nobody") is None


def test_a_changed_token_makes_another_config():
    assert parse(EXAMPLE) != parse(EXAMPLE.replace("planted-a", "planted-c"))


def test_no_token_shows_in_repr():
    assert "planted" not in repr(parse(EXAMPLE))


def test_conf_d_is_merged_in_name_order(tmp_path):
    main = write(tmp_path / "r.toml", EXAMPLE.split("[[peer]]")[0])
    peers = EXAMPLE.split("[[peer]]")
    bob, route = peers[2].split("[[route]]")
    write(tmp_path / "conf.d" / "20-bob.toml", "[[peer]]" + bob + "[[route]]" + route)
    write(tmp_path / "conf.d" / "10-alice.toml", "[[peer]]" + peers[1])
    write(tmp_path / "conf.d" / "30-off.toml.disabled", "broken = [")
    assert load(main) == parse(EXAMPLE)


def test_an_error_in_conf_d_names_that_file_and_its_own_numbering(tmp_path):
    main = write(tmp_path / "r.toml", EXAMPLE)
    part = write(tmp_path / "conf.d" / "a.toml", '[[route]]\nprefix = "g.x"\npeer = "carol"\n')
    with pytest.raises(ConfigError) as caught:
        load(main)
    assert str(caught.value) == (
        f"{part}: route[0].peer = 'carol'; accepted: the name of a peer: alice, bob"
    )


def test_a_key_set_in_two_files_is_refused(tmp_path):
    main = write(tmp_path / "r.toml", MINIMAL)
    part = write(tmp_path / "conf.d" / "a.toml", '[node]\naddress = "g.other"\n')
    with pytest.raises(ConfigError) as caught:
        load(main)
    assert str(caught.value) == (
        f"{part}: node.address = 'g.other'; accepted: a key set once; {main} has it"
    )


def test_secret_files_are_read_relative_to_the_file_that_names_them(tmp_path):
    tokens = "# rotation of November\nold-token\n\nnew-token\n"
    write(tmp_path / "secrets" / "in", tokens)
    write(tmp_path / "secrets" / "out", "out-token\n")
    text = EXAMPLE.replace('"planted-b"', "PLACE").replace(
        "outgoing_token = PLACE",
        'outgoing_token_file = "secrets/out", incoming_tokens_file = "secrets/in"',
    )
    warnings = []
    config = load(write(tmp_path / "r.toml", text), warnings.append)
    link = config.peers[0].link
    assert [token.reveal() for token in link.incoming_tokens] == [
        "planted-a",
        "old-token",
        "new-token",
    ]
    assert link.outgoing_token == Secret("out-token")
    assert link.outgoing_token_file == str(tmp_path / "secrets" / "out")
    assert warnings == []


def test_a_world_readable_secret_file_is_warned_about(tmp_path):
    secret = write(tmp_path / "token", "out-token", mode=0o644)
    text = EXAMPLE.replace('outgoing_token = "planted-b"', f'outgoing_token_file = "{secret}"')
    warnings = []
    load(write(tmp_path / "r.toml", text), warnings.append)
    assert warnings == [
        f"{secret} holds secrets and can be read by every user: chmod 0640 {secret}"
    ]


@pytest.mark.parametrize(
    ("content", "accepted"),
    [
        (None, "a readable file (No such file or directory)"),
        ("", "a file of tokens, one a line, visible ASCII characters, no spaces"),
        ("two words", "a file of tokens, one a line, visible ASCII characters, no spaces"),
        ("one\ntwo", "a file with exactly one token"),
    ],
)
def test_bad_secret_files(tmp_path, content, accepted):
    secret = tmp_path / "token"
    if content is not None:
        write(secret, content)
    text = EXAMPLE.replace('outgoing_token = "planted-b"', f'outgoing_token_file = "{secret}"')
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path / "r.toml", text))
    assert caught.value.key == "peer[0].link.outgoing_token_file"
    assert caught.value.value == str(secret)
    assert caught.value.accepted == accepted


def test_a_token_and_its_file_exclude_each_other(tmp_path):
    secret = write(tmp_path / "token", "planted-c")
    text = EXAMPLE.replace(
        'outgoing_token = "planted-b"',
        f'outgoing_token = "planted-b", outgoing_token_file = "{secret}"',
    )
    with pytest.raises(ConfigError, match="either outgoing_token or outgoing_token_file") as caught:
        load(write(tmp_path / "r.toml", text))
    assert "planted" not in str(caught.value)


def test_relative_paths_are_taken_from_the_file(tmp_path):
    config = load(write(tmp_path / "r.toml", MINIMAL + 'data_dir = "state"\n'))
    assert config.node.data_dir == str(tmp_path / "state")


def test_unreadable_files(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "absent.toml")
    assert str(caught.value) == (
        f"{tmp_path}/absent.toml: file = 'No such file or directory'; "
        "accepted: a readable TOML file"
    )
    path = tmp_path / "latin.toml"
    path.write_bytes(b'[node]\naddress = "g.\xe9"\n')
    with pytest.raises(ConfigError, match="byte 20 is not UTF-8"):
        load(path)


def test_a_syntax_error_names_its_place():
    with pytest.raises(ConfigError) as caught:
        parse('[node]\naddress "g.acme"\n', "r.toml")
    assert str(caught.value).startswith("r.toml: syntax = ")
    assert "line 2, column 9" in str(caught.value)


def test_clear_text_tokens_off_the_machine_are_warned_about(tmp_path):
    text = EXAMPLE.replace("http://127.0.0.1:8001/ilp", "http://192.0.2.1/ilp").replace(
        "127.0.0.1:7770", "192.0.2.7:7770"
    )
    warnings = []
    load(write(tmp_path / "r.toml", text), warnings.append)
    assert warnings == [
        "peer[0].link.url sends its token over http://192.0.2.1/ilp without TLS",
        "listen[0] takes tokens on 192.0.2.7:7770 without TLS",
    ]


VALUES = st.recursive(
    st.one_of(st.integers(), st.text(max_size=8), st.booleans(), st.floats(), st.none()),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(section=st.sampled_from(list(tomllib.loads(EXAMPLE))), key=st.integers(0, 9), value=VALUES)
def test_any_value_anywhere_gives_a_config_or_a_config_error(section, key, value):
    from ilprouter.config.load import convert

    raw = tomllib.loads(EXAMPLE)
    table = raw[section][0] if isinstance(raw[section], list) else raw[section]
    names = list(table)
    table[names[key % len(names)]] = value
    try:
        convert("r.toml", raw)
    except ConfigError as error:
        assert str(error).startswith("r.toml: ")
        assert error.accepted
