"""The stages, one package each, and the little they share."""
