"""Durable stores: named tables of bytes, changed by atomic batches."""

from ilprouter.stores.base import Batch, Store, Usage

__all__ = ["Batch", "Store", "Usage"]
