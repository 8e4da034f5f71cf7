"""Where two units touch the same thing; rules.py is the heart of the product."""
