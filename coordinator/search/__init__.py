"""Finding: one box over what the reader may see, and the answer to "what is our line on this?"."""
