"""What the detector was told not to say: by whom, why, and until when."""
