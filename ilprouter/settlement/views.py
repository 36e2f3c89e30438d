"""What the admin API takes and shows of settlements.

Owns the shapes; amounts are decimal text, as everywhere in the admin API.
"""

from __future__ import annotations

from msgspec import Struct

from ilprouter.settlement.outbox import Order, State

__all__ = ["CapacityRequest", "SettleRequest", "SettlementView", "show"]


class SettleRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What POST /v1/accounts/{name}/settle takes.

    amount   units of the account, decimal text; None: what is owed beyond settle_to
    id       a UUID chosen by the caller: the same one again is the same order; None: a new one
    dry_run  only say what would be ordered
    """

    amount: str | None = None
    id: str | None = None
    dry_run: bool = False


class CapacityRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What PUT /v1/accounts/{name}/capacity takes.

    amount   what the engine can settle now, units of the account, decimal text
    ttl_ms   1 to 86 400 000: for how long this is worth anything
    """

    amount: str
    ttl_ms: int


class SettlementView(Struct, frozen=True, kw_only=True):
    """One settlement we ordered; see `Order` for the fields."""

    id: str
    account: str
    state: State
    amount: str
    engine_amount: str
    engine_scale: int
    why: str
    ordered_ms: int
    attempts: int
    engine: str
    in_doubt: bool
    reason: str


def show(order: Order) -> SettlementView:
    """An order for operators; `amount` is what the books were debited."""
    return SettlementView(
        id=order.id,
        account=order.account,
        state=order.state,
        amount=order.debit,
        engine_amount=order.amount,
        engine_scale=order.scale,
        why=order.why,
        ordered_ms=order.ordered_ms,
        attempts=order.attempts,
        engine=order.engine,
        in_doubt=order.doubt_ms != 0,
        reason=order.reason,
    )
