"""What every part that asks X shares: its REST endpoints, its failures by class, its waits, and the bill."""
