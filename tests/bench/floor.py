"""The floor: psql's own \\copy of a ready binary file, then the primary key."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

import pgpq
import pyarrow as pa

from tests.bench.sample_table import COLUMNS, KEY


def write_file(path: Path, batches: Iterable[pa.RecordBatch]) -> None:
    """Write the batches as a binary COPY file."""
    encoder: pgpq.ArrowToPostgresBinaryEncoder | None = None
    with path.open("wb") as file:
        for batch in batches:
            named = batch.rename_columns([column.name for column in COLUMNS])
            if encoder is None:
                encoder = pgpq.ArrowToPostgresBinaryEncoder(named.schema)
                file.write(encoder.write_header())
            file.write(encoder.write_batch(named))
        if encoder is not None:
            file.write(encoder.finish())


def copy_and_index(psql: Path, url: str, file: Path, ddl: str) -> float:
    """Seconds that psql takes for \\copy into a fresh table and for its primary key."""
    table = "bench_floor"
    _psql(psql, url, f"DROP TABLE IF EXISTS {table}; CREATE TABLE {table} ({ddl}); CHECKPOINT")
    started = time.perf_counter()
    _psql(psql, url, f"\\copy {table} FROM '{file}' (FORMAT binary)")
    _psql(psql, url, f"ALTER TABLE {table} ADD PRIMARY KEY ({', '.join(KEY)})")
    seconds = time.perf_counter() - started
    _psql(psql, url, f"DROP TABLE {table}")
    return seconds


def _psql(psql: Path, url: str, command: str) -> None:
    subprocess.run(
        [str(psql), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", command],
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PGOPTIONS": "--client-min-messages=warning"},
    )
