"""What a text says, whatever its words: its passages, and the directions in which an encoder sees them."""
