"""The store: tables, migrations and the two databases behind them (SQLite, PostgreSQL)."""

from workers.store.store import Store, open_store

__all__ = ["Store", "open_store"]
