"""Positions and dossiers that a unit brings in from a spreadsheet: as drafts, or offered for release."""
