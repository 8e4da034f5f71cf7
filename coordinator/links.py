"""Addresses of pages elsewhere: which may be shown as a link."""

from urllib.parse import urlsplit


def is_link(address: str) -> bool:
    """Say whether an address may be shown as a link: https, and a host."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.netloc) and not any(c.isspace() for c in address)
