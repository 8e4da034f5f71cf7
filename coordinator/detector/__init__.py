"""How the detector does: why it is silent, how often it is right, what it would say with other settings."""
