"""Fixtures of the fault tests."""

from tests.integration.conftest import engine

__all__ = ["engine"]
