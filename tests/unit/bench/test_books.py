"""Three books: agreement to the unit, and every way to disagree."""

from types import SimpleNamespace

from ilprouter.bench.books import compare, differences


def peers(fulfilled, earned):
    ledger = {"amount_fulfilled": fulfilled, "amount_earned": earned}
    return SimpleNamespace(numbers={"alice": 0}, load=SimpleNamespace(lane=lambda _number: ledger))


def account(**changes):
    return {
        "name": "alice",
        "asset_code": "USD",
        "model": "local",
        "fulfilled_in": "1000",
        "voided_in": "0",
        "fulfilled_out": "70",
        **changes,
    }


def test_equal_books_have_no_differences():
    entries = compare(peers(1000, 70), [account()])
    assert [(entry.theirs, entry.ours) for entry in entries] == [(1000, 1000), (70, 70)]
    assert not differences(peers(1000, 70), [account()])


def test_one_unit_is_a_difference_on_either_side():
    (charge,) = differences(peers(999, 70), [account()])
    assert str(charge) == "alice owes router: the peer says 999, the router 1000"
    (credit,) = differences(peers(1000, 71), [account()])
    assert str(credit) == "router owes alice: the peer says 71, the router 70"


def test_voided_charges_do_not_count():
    assert not differences(peers(900, 70), [account(voided_in="100")])


def test_amounts_beyond_64_bits_are_compared_exactly():
    huge = 2**70 + 1
    assert not differences(peers(huge, 70), [account(fulfilled_in=str(huge))])
    assert differences(peers(huge - 1, 70), [account(fulfilled_in=str(huge))])


def test_a_peer_without_books_is_left_out():
    assert compare(peers(5, 5), []) == []
    assert compare(peers(5, 5), [account(model="none")]) == []
