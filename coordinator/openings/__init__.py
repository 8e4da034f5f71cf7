"""Who has opened what was released, and taking back a release that was too wide."""
