"""What is coming, and how far the units are with it."""
