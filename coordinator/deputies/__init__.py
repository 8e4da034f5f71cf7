"""Who stands in for whom, and until when."""
