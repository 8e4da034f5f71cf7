"""What is waiting for whom: one query for the first page and the digest."""
