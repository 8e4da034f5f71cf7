"""How alike two texts are: the view of their words and the view of their meaning, as one number that means what it says."""
