"""Forums, their events, the questions before them, and the counterparts met there."""
