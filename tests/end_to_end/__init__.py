"""The program as a whole, from its command line to the webhook."""
