"""The shared list of subjects: broader, related, aliases, umbrella marks, equities."""
