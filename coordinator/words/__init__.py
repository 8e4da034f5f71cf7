"""Which telling words two texts share, as far as the two texts themselves can tell."""
