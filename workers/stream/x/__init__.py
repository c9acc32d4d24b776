"""The source `x`: posts of X's filtered stream, what a gap cost by recent search, and never more than is allowed."""
