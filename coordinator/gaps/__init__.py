"""Where nobody does: what is missing, derived when it is read; who was asked, and what is known to be missing."""
