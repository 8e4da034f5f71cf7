"""What positions and dossiers share: owner, text, topics, level, audience, versions; the rule of access; search."""
