"""The days on which a unit is closed: no mail comes on them, and no clock of ours counts them."""
