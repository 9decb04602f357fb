"""`make demo`: two days of refreshes on this machine, and the proof that every target equals its source."""

from infra.local.demo.story import main

__all__ = ["main"]
