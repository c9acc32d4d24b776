"""Pages as a browser shows them: Debian's Chromium, driven over its own protocol."""
