"""The whole picture for those who lead: what clashes, what waits, what comes, who is on what."""
