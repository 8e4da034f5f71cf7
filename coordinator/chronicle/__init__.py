"""What happened, in words, as far as whoever reads may know of it."""
