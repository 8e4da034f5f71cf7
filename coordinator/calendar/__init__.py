"""Forums, their events, the questions before them, the instruments they work on, and the counterparts met there."""
