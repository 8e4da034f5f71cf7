"""Finding all overlaps again, in chunks that any number of processes share."""
