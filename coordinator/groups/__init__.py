"""Reading groups: named circles of readers, and who is in them."""
