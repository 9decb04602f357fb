"""What has changed at a source since its table was last published, and whether the table goes on or is held."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from shared.domain.dataset import Column
from shared.domain.drift import DriftKind, DriftPolicy, Evolution, KnownColumn, KnownSchema, SchemaChange
from shared.domain.ids import TableName
from shared.domain.matching import usual_target
from shared.domain.quoting import postgres_identifier
from shared.domain.types import TargetColumn, target_name
from shared.planning.type_change import can_hold, kind_of_change, parsed_type, wider_type

_OF_TYPE = (DriftKind.WIDENED, DriftKind.NARROWED, DriftKind.RETYPED)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A source as it was and as it is, beside the target that it feeds."""

    table: TableName
    known: KnownSchema
    columns: tuple[Column, ...]
    """The source's columns now."""
    feeds: Mapping[str, Column]
    """Now, by target column (or dataset's field), whether the target has it or not."""
    mapped: frozenset[str]
    """Source columns that the column map names."""
    policies: Mapping[DriftKind, DriftPolicy]
    fixed: frozenset[str]
    """Target columns that always need a value: key and scope; a dataset's fields without a default."""
    targets: Mapping[str, TargetColumn] | None
    """None: the table has a dataset, whose query casts every field to `fields`."""
    fields: Mapping[str, str]

    def changes(self) -> tuple[SchemaChange, ...]:
        """Every change that concerns the target, in the order of the source's columns as they were; new ones last."""
        return (*self._of_known_columns(), *self._added())

    def _of_known_columns(self) -> Iterator[SchemaChange]:
        present = {column.name for column in self.columns}
        for before in self.known.columns:
            target = before.target
            if target is None or (self.targets is not None and target not in self.targets):
                continue
            now = self.feeds.get(target)
            if now is None:
                if before.name not in present:
                    yield self._dropped(before, target)
                continue
            if now.name != before.name:
                yield self._renamed(before, now, target)
            kind = kind_of_change(before.type, now.full_type)
            if kind is not None:
                yield self._retyped(kind, before, now, target)
            if before.required and not now.required and self._not_null(target):
                yield self._nullability(before, now, target)

    def _added(self) -> Iterator[SchemaChange]:
        known = {column.name for column in self.known.columns}
        for column in self.columns:
            name = target_name(column.name)
            if self.targets is None or column.name in known | self.mapped or name in self.targets:
                continue
            change = self._change(DriftKind.ADDED, None, column, name, source_column=column.name)
            try:
                evolution = Evolution(change="add_column", column=name, type=usual_target(column.full_type))
            except ValueError as error:
                yield replace(change, held=change.policy is not DriftPolicy.IGNORE, remedy=str(error))
                continue
            yield self._decided(
                change, evolution, remedy=f"add the column, or leave it out: column_map {{{_json(column.name)}: null}}"
            )

    def _dropped(self, before: KnownColumn, target: str) -> SchemaChange:
        change = self._change(DriftKind.DROPPED, before, None, target, source_column=before.name)
        column = self.targets.get(target) if self.targets is not None else None
        starved = column is not None and column.not_null and not column.has_default
        if change.policy is DriftPolicy.IGNORE and target not in self.fixed and not starved:
            return change
        ddl = self._alter("DROP COLUMN", target) if self.targets is not None else None
        remedy = "map another source column to it, drop it, or set the policy of dropped to ignore: it keeps its values"
        if target in self.fixed:
            ddl, remedy = None, "it always needs a value: map another source column to it"
        elif starved and change.policy is DriftPolicy.IGNORE:
            ddl = self._alter("ALTER COLUMN", target, " DROP NOT NULL")
            remedy = "it is NOT NULL without a default: let new rows do without it, or give a default"
        return replace(change, held=True, ddl=ddl, remedy=remedy)

    def _renamed(self, before: KnownColumn, now: Column, target: str) -> SchemaChange:
        change = self._change(DriftKind.RENAMED, before, now, target, source_column=now.name)
        held = change.policy is DriftPolicy.HOLD
        return replace(change, held=held, remedy="set the policy of renamed to evolve, to read on from the new name")

    def _retyped(self, kind: DriftKind, before: KnownColumn, now: Column, target: str) -> SchemaChange:
        change = self._change(kind, before, now, target, source_column=now.name)
        if self.targets is None:
            lossless = self.fields.get(target) is None or can_hold(now, self.fields[target])
            held = change.policy is DriftPolicy.HOLD or (change.policy is DriftPolicy.EVOLVE and not lossless)
            return replace(change, held=held, remedy=f"cast it to {self.fields.get(target)} in a view over the source")
        held_type = self.targets[target].type
        fits = can_hold(now, held_type)
        if kind is DriftKind.WIDENED:
            wider = wider_type(now, held_type)
            if wider is None and fits:
                return change
            evolution = Evolution(change="widen_column", column=target, type=wider) if wider else None
            return self._decided(change, evolution, remedy="widen the column, or cast it in a view", fits=fits)
        mended = fits and not can_hold(Column(name=before.name, type=before.type.partition("(")[0]), held_type)
        safe = change.policy is DriftPolicy.IGNORE or (kind, change.policy) == (DriftKind.NARROWED, DriftPolicy.EVOLVE)
        if mended or (fits and safe):
            return change
        remedy = "cast it in a view" + (f", or set the policy of {kind} to ignore" if fits else "")
        return replace(change, held=True, ddl=None if fits else self._cast(now, target), remedy=remedy)

    def _nullability(self, before: KnownColumn, now: Column, target: str) -> SchemaChange:
        change = self._change(DriftKind.NULLABILITY, before, now, target, source_column=now.name)
        change = replace(change, before=f"{change.before} REQUIRED", after=f"{change.after} NULLABLE")
        if target in self.fixed and change.policy is not DriftPolicy.IGNORE:
            return replace(change, held=True, remedy="key and scope are never NULL: mend the source")
        evolution = Evolution(change="drop_not_null", column=target)
        return self._decided(change, evolution, remedy="allow NULL, or set the policy of nullability to ignore")

    def _decided(
        self, change: SchemaChange, evolution: Evolution | None, *, remedy: str, fits: bool = True
    ) -> SchemaChange:
        """Evolved, ignored where that can be, or held with the statement that would evolve it."""
        ddl = evolution.ddl(self.table) if evolution else None
        match change.policy:
            case DriftPolicy.EVOLVE if evolution is not None or fits:
                return replace(change, evolution=evolution)
            case DriftPolicy.IGNORE if fits:
                return change
            case _:
                return replace(change, held=True, ddl=ddl, remedy=remedy)

    def _change(
        self, kind: DriftKind, before: KnownColumn | None, after: Column | None, target: str, *, source_column: str
    ) -> SchemaChange:
        return SchemaChange(
            kind=kind,
            source_column=source_column,
            target_column=target,
            before=f"{before.name} {before.type}" if before else None,
            after=f"{after.name} {after.full_type}" if after else None,
            policy=self.policies[kind],
        )

    def _not_null(self, target: str) -> bool:
        return self.targets is not None and self.targets[target].not_null

    def _cast(self, now: Column, target: str) -> str | None:
        try:
            wanted = usual_target(now.type)
        except ValueError:
            return None
        column = postgres_identifier(target)
        return self._alter("ALTER COLUMN", target, f" TYPE {wanted} USING {column}::{wanted}")

    def _alter(self, action: str, column: str, rest: str = "") -> str:
        table = f"{postgres_identifier(self.table.schema)}.{postgres_identifier(self.table.name)}"
        return f"ALTER TABLE {table} {action} {postgres_identifier(column)}{rest}"


def remembered(
    source: str,
    columns: tuple[Column, ...],
    feeds: Mapping[str, Column],
    changes: tuple[SchemaChange, ...],
    known: KnownSchema | None,
) -> KnownSchema:
    """The schema that a publish remembers.

    What a policy ignored is remembered as it was: every run tells of it, and another policy still finds it.
    """
    ignored = {(change.source_column, change.kind) for change in changes if change.ignored}
    before = {column.target: column for column in (known.columns if known else ()) if column.target}
    targets = {column.name: target for target, column in feeds.items()}
    kept = []
    for column in columns:
        if (column.name, DriftKind.ADDED) in ignored:
            continue
        now = KnownColumn(
            name=column.name, type=column.full_type, required=column.required, target=targets.get(column.name)
        )
        if now.target is not None and any((column.name, kind) in ignored for kind in _OF_TYPE):
            now = replace(now, type=before[now.target].type)
        if (column.name, DriftKind.NULLABILITY) in ignored:
            now = replace(now, required=True)
        kept.append(now)
    gone = [column for column in before.values() if (column.name, DriftKind.DROPPED) in ignored]
    return KnownSchema(source=source, columns=(*kept, *gone))


def with_details(then: tuple[Column, ...], known: KnownSchema, now: tuple[Column, ...]) -> tuple[Column, ...]:
    """Columns of which only name and type are known, with parameters and mode as last seen, or as they are now."""
    seen = {column.name: column for column in now}
    for column in known.columns:
        base, parameters = parsed_type(column.type)
        seen[column.name] = Column(name=column.name, type=base, parameters=parameters, required=column.required)
    return tuple(
        seen[column.name] if column.name in seen and seen[column.name].type == column.type else column
        for column in then
    )


def _json(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
