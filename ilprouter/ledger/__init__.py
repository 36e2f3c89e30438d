"""The books of a router: accounts, group commit, recovery, audit. See docs/parts/balance.md."""

from ilprouter.ledger.accounts import Account, Ledger
from ilprouter.ledger.groups import Barrier, CommitStats, GroupCommitter
from ilprouter.ledger.verify import verify

__all__ = ["Account", "Barrier", "CommitStats", "GroupCommitter", "Ledger", "verify"]
