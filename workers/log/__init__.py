"""The log contract and its two implementations: Kafka and embedded (SQLite)."""
