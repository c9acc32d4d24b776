"""Fakes of the providers, written from what these publish: each notes a fault for anything that it doesn't expect."""
