"""What is known of the table that a run writes: the state of the live table, or that of its shadow.

Both are kept in tables of the same columns, so a statement about one is a statement about the other.
"""

from __future__ import annotations

from shared.domain.definition import Definition
from shared.domain.states import Mode
from shared.sql import statement

_OF_SHADOWS = {
    "refresh.refresh_partition_state": "refresh.refresh_shadow_state",
    "refresh.refresh_table_registry": "refresh.refresh_shadow",
}


def state_statement(name: str, definition: Definition) -> str:
    """The statement, about the state of the table that the definition writes."""
    text = statement(name)
    if definition.shadow is not None:
        for live, shadow in _OF_SHADOWS.items():
            text = text.replace(live, shadow)
    return text


def writing_mode(definition: Definition) -> str:
    """The mode of the runs that write that table."""
    return str(Mode.LIVE if definition.shadow is None else Mode.SHADOW)
