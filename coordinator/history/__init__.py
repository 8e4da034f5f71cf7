"""Who changed what, and when: the change sequence and the chain of recorded events."""
