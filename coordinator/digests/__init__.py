"""The mail that is worth opening."""
