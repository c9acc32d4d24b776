"""The classifier stage: mentions in, marks out."""
