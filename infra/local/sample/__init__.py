"""Deterministic sample data: Search Query Performance in both source shapes, and a catalogue of every kind of type."""
