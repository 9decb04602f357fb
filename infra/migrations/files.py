"""The numbered SQL files, and the statements in them."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("sql")

_NAME = re.compile(r"(\d{4})_[a-z0-9_]+")
_TOKEN = re.compile(
    r"""
    --[^\n]*                                 # comment to the end of the line
    | /\*.*?\*/                              # block comment
    | \b[eE]'(?:[^'\\]|\\.|'')*'             # string with escapes
    | '(?:[^']|'')*'
    | "(?:[^"]|"")*"
    | (?<!\w)(\$(?:[^\W\d]\w*)?\$).*?\1      # dollar-quoted string
    | ;
    """,
    re.DOTALL | re.VERBOSE,
)
_COMMENT = re.compile(r"\s+|--[^\n]*\n?|/\*.*?\*/", re.DOTALL)
_TRANSACTION_CONTROL = re.compile(
    r"(BEGIN|START\s+TRANSACTION|COMMIT|END|ROLLBACK|ABORT|PREPARE\s+TRANSACTION)\b", re.IGNORECASE
)


class MigrationError(Exception):
    """A migration cannot be applied; the message names file and line, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One statement of a file; `line` is where it begins, from 1."""

    sql: str
    line: int


@dataclass(frozen=True, kw_only=True)
class MigrationFile:
    """A numbered SQL file."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, as hex; line ends do not count."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    def statements(self) -> tuple[Statement, ...]:
        """The file's statements. MigrationError for one that would end the file's transaction."""
        found = tuple(_split(self.sql))
        for statement in found:
            if _TRANSACTION_CONTROL.match(statement.sql):
                raise MigrationError(
                    f"{self.name}.sql, line {statement.line}: {statement.sql.split()[0].upper()} is not allowed, "
                    "because each file is applied in one transaction; remove it"
                )
        return found


def read_files(folder: Path = FOLDER) -> tuple[MigrationFile, ...]:
    """All files in order. MigrationError for a name without a number, or two with the same."""
    paths = sorted(folder.glob("*.sql"))
    numbers: dict[str, str] = {}
    for path in paths:
        match = _NAME.fullmatch(path.stem)
        if match is None:
            raise MigrationError(f"{path.name}: call it NNNN_what_it_does.sql, in lower case")
        if match[1] in numbers:
            raise MigrationError(f"{numbers[match[1]]} and {path.name} have the same number; renumber the newer one")
        numbers[match[1]] = path.name
    return tuple(MigrationFile(name=path.stem, sql=path.read_text(encoding="utf-8")) for path in paths)


def pending(files: Sequence[MigrationFile], applied: dict[str, str]) -> list[MigrationFile]:
    """Files that are still to be applied, given the checksum of each applied one by name.

    Applied files that are newer than every file at hand are no error: they belong to a newer release, which keeps its
    schema usable for the one before. MigrationError for a file that was changed, has gone, or came late.
    """
    by_name = {file.name: file for file in files}
    for name, checksum in applied.items():
        if name in by_name and by_name[name].checksum != checksum:
            raise MigrationError(
                f"{name}.sql was changed after it was applied; restore it, and put the change into a new file"
            )
    last_file = max(by_name, default="")
    gone = sorted(name for name in applied if name not in by_name and name < last_file)
    if gone:
        raise MigrationError(f"{gone[0]}.sql was applied to this database and is missing; restore it")
    waiting = [file for file in files if file.name not in applied]
    last_applied = max(applied, default="")
    late = [file.name for file in waiting if file.name < last_applied]
    if late:
        raise MigrationError(
            f"{late[0]}.sql comes before {last_applied}.sql, which is applied; give it a higher number"
        )
    return waiting


def _split(sql: str) -> Iterator[Statement]:
    start = 0
    for token in _TOKEN.finditer(sql):
        if token[0] == ";":
            yield from _statement(sql, start, token.start())
            start = token.end()
    yield from _statement(sql, start, len(sql))


def _statement(sql: str, start: int, end: int) -> Iterator[Statement]:
    while (match := _COMMENT.match(sql, start, end)) is not None:
        start = match.end()
    if start < end:
        yield Statement(sql=sql[start:end].rstrip(), line=sql.count("\n", 0, start) + 1)
