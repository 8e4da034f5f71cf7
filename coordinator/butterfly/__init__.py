"""A cross-cutting topic with its wings: who is on each, what is open between them, and which nobody covers."""
