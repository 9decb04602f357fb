"""Whether key columns are unique at the source, asked of BigQuery when they are configured."""

from __future__ import annotations

from uuid import uuid4

from shared.domain.definition import Definition
from shared.domain.errors import Held, InvalidRegistration, PermanentError, ResultLost, RetryLater, StillRunning
from shared.planning.source_query import key_query
from shared.ports import QueryJob, Source

MAX_BYTES = 10 * 2**30
"""Most that a check may bill; a table's own cap may be smaller."""
_SECONDS = 30.0


def check_key(source: Source, definition: Definition) -> str | None:
    """None for a key that is unique at the source now, or is none; else why it could not be looked at.

    It scans the key columns once. Raises InvalidRegistration for a key that is not unique, or is NULL somewhere.
    """
    if not definition.key or definition.source_sql is not None:
        return None if not definition.key else _unchecked(definition, "its source is named SQL")
    query = key_query(definition)
    job = QueryJob(
        job_id=f"refresh_key_{uuid4().hex}",
        sql=query.sql,
        parameters=query.parameters,
        max_bytes_billed=min(MAX_BYTES, definition.max_bytes_billed or MAX_BYTES),
    )
    try:
        (found,) = source.fetch(source.run(job, timeout=_SECONDS))
    except StillRunning:
        return _unchecked(definition, f"it took longer than {_SECONDS:.0f} s")
    except (Held, PermanentError, ResultLost, RetryLater) as error:
        return _unchecked(definition, str(error).splitlines()[0])
    _judge(definition, doubled=int(found["doubled"] or 0), empty=int(found["empty"] or 0))
    return None


def _judge(definition: Definition, *, doubled: int, empty: int) -> None:
    columns = ", ".join(definition.key)
    if doubled:
        raise InvalidRegistration(
            f"{definition.table}: key_columns ({columns}) are not unique in {definition.source}: {doubled} key(s) "
            "stand more than once. Choose columns that are, with a unique index on them, or mend the source"
        )
    if empty:
        raise InvalidRegistration(
            f"{definition.table}: key_columns ({columns}) are NULL in {empty} row(s) of {definition.source}. Choose "
            "columns that never are, or mend the source"
        )


def _unchecked(definition: Definition, why: str) -> str:
    return (
        f"{definition.table}: whether key_columns ({', '.join(definition.key)}) are unique at the source was not "
        f"checked: {why}. The first refresh checks it; refreshctl plan --rows tells before"
    )
