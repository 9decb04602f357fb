"""The database schema: numbered SQL files in `sql/`, applied once each, in order."""
