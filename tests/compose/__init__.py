"""The compose file, really up."""
