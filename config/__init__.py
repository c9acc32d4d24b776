"""Settings, and the files that a user edits."""
