"""Kills: what must hold when the program ends at the worst moment."""
