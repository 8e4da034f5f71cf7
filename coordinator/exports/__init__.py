"""What somebody takes out of what is shared with them."""
