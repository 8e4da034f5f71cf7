"""The ministry in small."""

from tests.ministry import ministry

__all__ = ["ministry"]
