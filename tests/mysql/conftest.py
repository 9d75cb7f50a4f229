"""A database for each test, as the conformance suite has it."""

from __future__ import annotations

from tests.conformance.conftest import place

__all__ = ["place"]
