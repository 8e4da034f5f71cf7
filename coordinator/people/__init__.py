"""Organisations and their circles, units, persons, signing in."""
