from ilprouter.core.pipeline import Middleware
from ilprouter.ledger.book import Book

class BalanceIncoming(Middleware):
    book: Book
    def __init__(self, book: Book, account: int) -> None: ...
    @property
    def account(self) -> int: ...

class BalanceOutgoing(Middleware):
    book: Book
    def __init__(self, book: Book, account: int) -> None: ...
    @property
    def account(self) -> int: ...
