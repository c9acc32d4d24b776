"""Incidents: what they are, what is decided about them and how they change. Shared by every part that changes one."""
