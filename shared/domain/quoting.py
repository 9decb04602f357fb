"""Identifiers, quoted for the place where they are put into SQL."""

from __future__ import annotations


def postgres_identifier(name: str) -> str:
    """A quoted Postgres identifier; ValueError for what no identifier can be."""
    if not name or "\x00" in name:
        raise ValueError(f"{name!r} cannot be an identifier")
    return '"' + name.replace('"', '""') + '"'


def postgres_literal(text: str) -> str:
    """A quoted text constant; ValueError for what no text can be. For names alone: values are bound."""
    if "\x00" in text:
        raise ValueError(f"{text!r} cannot be a text")
    return "'" + text.replace("'", "''") + "'"


def bigquery_identifier(name: str) -> str:
    """A backtick-quoted BigQuery column name; ValueError for what no name can be."""
    if not name or "`" in name or "\\" in name or "\x00" in name:
        raise ValueError(f"{name!r} cannot be a BigQuery name")
    return f"`{name}`"


def bigquery_table(reference: str) -> str:
    """A backtick-quoted `project.dataset.table`; ValueError when it is not one."""
    if reference.count(".") < 2 or not all(reference.split(".")):
        raise ValueError(f"{reference!r} is not project.dataset.table")
    return bigquery_identifier(reference)
