"""Arrays of arrays' elements, changed in place and put back."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


def with_elements(lists: pa.ListArray, elements: pa.Array) -> pa.ListArray:
    """The same lists with other elements, one for each of `lists.flatten()`."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0)
    starts = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())])
    return pa.ListArray.from_arrays(starts, elements, mask=lists.is_null() if lists.null_count else None)


def rows_of(lists: pa.ListArray, elements: pa.Array) -> pa.Array:
    """The rows in which the given elements (positions in `lists.flatten()`) are."""
    return pc.unique(pc.list_parent_indices(lists).take(elements))
