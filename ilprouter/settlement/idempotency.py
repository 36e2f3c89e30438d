"""Keys of settlement notifications that were applied, and the answer each of them got.

Owns the tables `idem` and `idem_used` and how long their rows live. Knows no amount's meaning and
no HTTP; whoever applies a notification enters its key into the same group.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec

from ilprouter import clock
from ilprouter.errors import IdempotencyConflictError, StoreError
from ilprouter.ledger.accounts import Ledger
from ilprouter.ledger.groups import GroupCommitter

__all__ = ["KEEP_MS", "KEY_BYTES_MAX", "Answer", "IdempotencyKeys", "digest_of"]

HOUR_MS = 3_600_000
KEEP_MS = 90 * 24 * HOUR_MS
# The last use is written down at most once an hour, so a key lives an hour longer than promised.
USE_STEP_MS = HOUR_MS
PURGE_ROWS_MAX = 64
KEY_BYTES_MAX = 255


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """One applied notification.

    account   number
    digest    of the request, hex: account and value, whatever the formatting
    status    HTTP status of the answer; body: its bytes as text
    credited  units of the account, decimal text, for the operator
    """

    account: int
    digest: str
    status: int
    body: str
    credited: str


class Row(msgspec.Struct, frozen=True):
    """Everything known of one key.

    key       as it came
    answers   one for each account that used it; more than one only where third parties are kept
              apart
    used_ms   hour of the last use, ms since 1970
    """

    key: str
    answers: tuple[Answer, ...]
    used_ms: int


def digest_of(account: str, value: str) -> str:
    """What makes two requests with one key the same request.

    account   its id
    value     the amount in its one reduced form, so that formatting does not count
    """
    return hashlib.sha256(f"{account}\n{value}".encode()).hexdigest()


class IdempotencyKeys:
    """Applied keys over a ledger's store.

    now_ms   wall clock
    """

    def __init__(
        self, ledger: Ledger, committer: GroupCommitter, now_ms: Callable[[], int] = clock.now_ms
    ) -> None:
        self.ledger = ledger
        self.committer = committer
        self.now_ms = now_ms
        # Rows that ride in a group which is not known to be durable: the store does not show them.
        self._riding: dict[bytes, Row] = {}

    def find(
        self, key: str, account: int, digest: str, alone: Callable[[int], bool]
    ) -> Answer | None:
        """The answer this key got before, or None when it is new.

        alone    is the account served by an engine that shares its keys with no other account?
        raises   IdempotencyConflictError when it was used for something else
        """
        name, row = self._row(key)
        if row is None:
            return None
        for answer in row.answers:
            if answer.account == account:
                if answer.digest != digest:
                    raise IdempotencyConflictError(key)
                self._use(name, row)
                return answer
        if not alone(account) and not all(alone(answer.account) for answer in row.answers):
            raise IdempotencyConflictError(key)
        return None

    def enter(self, key: str, answer: Answer) -> None:
        """Put a new key into the open group, where the change that it stands for already is."""
        name, row = self._row(key)
        answers = (*row.answers, answer) if row else (answer,)
        self._write(name, Row(key, answers, self._hour()), row)
        self.purge()

    def purge(self) -> None:
        """Forget keys whose last use is long enough ago: at most PURGE_ROWS_MAX in one group."""
        before = self.now_ms() - KEEP_MS - USE_STEP_MS
        used, gone = [], []
        for item, _ in self.ledger.store.first("idem_used", PURGE_ROWS_MAX):
            at_ms, name = int.from_bytes(item[:8], "big"), item[8:]
            if at_ms >= before:
                break
            if name in self._riding:
                continue
            used.append(item)
            row = self.ledger.store.get("idem", name)
            if row is not None and msgspec.json.decode(row, type=Row).used_ms == at_ms:
                gone.append(name)
        if used:
            self.ledger.journal.drop("idem_used", used)
            self.ledger.journal.drop("idem", gone)

    async def durable(self) -> None:
        """Wait until everything entered so far is on disk. Raises StoreError: then nobody knows."""
        riding = dict(self._riding)
        await self.committer.durable()
        for name, row in riding.items():
            if self._riding.get(name) is row:
                del self._riding[name]

    def _row(self, key: str) -> tuple[bytes, Row | None]:
        name = hashlib.sha256(key.encode()).digest()
        if (riding := self._riding.get(name)) is not None:
            return name, riding
        if (stored := self.ledger.store.get("idem", name)) is None:
            return name, None
        try:
            return name, msgspec.json.decode(stored, type=Row)
        except msgspec.MsgspecError as error:
            raise StoreError(f"the row of idempotency key {key!r} is damaged: {error}") from error

    def _hour(self) -> int:
        return self.now_ms() // USE_STEP_MS * USE_STEP_MS

    def _use(self, name: bytes, row: Row) -> None:
        if self._hour() > row.used_ms:
            self._write(name, msgspec.structs.replace(row, used_ms=self._hour()), row)

    def _write(self, name: bytes, row: Row, before: Row | None) -> None:
        self._riding[name] = row
        journal = self.ledger.journal
        journal.ride("idem", [(name, msgspec.json.encode(row))])
        journal.ride("idem_used", [(row.used_ms.to_bytes(8, "big") + name, b"")])
        if before is not None and before.used_ms != row.used_ms:
            journal.drop("idem_used", [before.used_ms.to_bytes(8, "big") + name])
