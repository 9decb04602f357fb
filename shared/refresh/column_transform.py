"""One column of a batch: what cannot be stored is removed or rejected, what does not fit is rejected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from shared.domain.errors import PermanentError
from shared.domain.figures import Kind
from shared.domain.postgres_type import PostgresType
from shared.domain.types import WireColumn
from shared.refresh.fit import limit_of
from shared.refresh.lists import rows_of, with_elements
from shared.refresh.text_cleaning import Cleaned, fit_for_jsonb, with_quoted_numbers, without_nul

NULL_IN_NOT_NULL = "null_in_not_null"
NUL_IN_TEXT = "nul_in_text"

_PARSED_JSON = {"jsonb", "json"}


@dataclass(kw_only=True)
class Outcome:
    """A column's values as they may be stored, except in the rejected rows."""

    values: pa.Array
    stripped: int = 0
    """Values out of which something was removed."""
    rejections: list[tuple[str, list[int]]] = field(default_factory=list)
    """Reasons, each with the rows that it strikes."""


class ColumnTransform:
    """Applies the rules of one column to normalised values."""

    def __init__(self, column: WireColumn) -> None:
        self.column = column
        self._cleaners: list[Callable[[pa.Array], Cleaned | None]] = []
        if column.kind in (Kind.TEXT, Kind.JSON):
            self._cleaners.append(without_nul)
        if column.kind is Kind.JSON and PostgresType.parse(column.target_type).base in _PARSED_JSON:
            self._cleaners.append(fit_for_jsonb)
        self._limit = limit_of(column)

    def apply(self, values: pa.Array) -> Outcome:
        """PermanentError `nul_in_text` when there is a NUL and the policy is `reject`."""
        outcome = Outcome(values=values)
        if self.column.not_null and values.null_count:
            outcome.rejections.append((NULL_IN_NOT_NULL, pc.indices_nonzero(values.is_null()).to_pylist()))
        elements = values.flatten() if self.column.repeated else values
        cleaned = self._clean(elements, outcome)
        self._check_limit(cleaned, outcome)
        if cleaned is not elements:
            outcome.values = with_elements(values, cleaned) if self.column.repeated else cleaned
        return outcome

    def _clean(self, elements: pa.Array, outcome: Outcome) -> pa.Array:
        for cleaner in self._cleaners:
            cleaned = cleaner(elements)
            if cleaned is None:
                continue
            elements = cleaned.values
            if self.column.nul_policy == "strip":
                outcome.stripped += len(cleaned.unfit)
            elif self.column.nul_policy == "quarantine":
                self._reject(NUL_IN_TEXT, cleaned.unfit, outcome)
            else:
                raise PermanentError(
                    f"column {self.column.name}: {len(cleaned.unfit)} value(s) of a batch hold a NUL (or half a "
                    "surrogate pair), which Postgres cannot store; mend the source, or set the column's NUL policy to "
                    "strip or quarantine",
                    reason=NUL_IN_TEXT,
                )
        return with_quoted_numbers(elements) if self.column.kind is Kind.JSON else elements

    def _check_limit(self, elements: pa.Array, outcome: Outcome) -> None:
        if self._limit is None:
            return
        misfits = self._limit.misfits(elements)
        if misfits is not None:
            self._reject(self._limit.reason, misfits, outcome)

    def _reject(self, reason: str, elements: pa.Array, outcome: Outcome) -> None:
        rows = rows_of(outcome.values, elements) if self.column.repeated else elements
        outcome.rejections.append((reason, rows.to_pylist()))
