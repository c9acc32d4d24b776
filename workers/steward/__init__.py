"""The steward stage: what was removed at X goes here too, how far incidents spread, what is old is forgotten."""
