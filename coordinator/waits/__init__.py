"""Who waits for whom, unit by unit: the picture of one unit, and of all of them."""
