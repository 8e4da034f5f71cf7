"""What a unit works on: the file with its code, lead, milestones and papers."""
