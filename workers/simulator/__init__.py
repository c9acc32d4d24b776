"""A server that behaves, and on command misbehaves, like X's API v2: for users without an account, and for tests."""
