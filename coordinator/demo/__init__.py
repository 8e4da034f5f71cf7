"""A small ministry that does not exist, to try the product with."""
