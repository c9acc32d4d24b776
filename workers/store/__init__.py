"""The store: tables, migrations and the two databases behind them (SQLite, PostgreSQL)."""
