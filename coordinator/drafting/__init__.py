"""What somebody is told while they write: whose work a text touches, and what it suggests."""
