"""The first hours of an instance: what is there, what comes next, and the quickest way to it."""
