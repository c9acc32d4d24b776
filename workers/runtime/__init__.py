"""What every worker shares: start, readiness, metrics, signals, drain, watchdog, logging."""
