"""What a unit holds: a stance on a question and the line to take."""
