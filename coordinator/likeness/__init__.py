"""How alike two texts are, as far as the two texts themselves can tell."""
