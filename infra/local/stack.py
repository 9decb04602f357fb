"""The whole system on this machine: every part started in order, and ended in the opposite one."""

import logging
import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.local import env_file
from infra.local.bigquery import BigQuery
from infra.local.functions import Function, Functions, present
from infra.local.postgres import Postgres
from infra.local.process import PartFailedError
from infra.local.pubsub import Kind, PubSub, create_subscriptions, create_topics
from infra.local.reaper import Reaper
from infra.local.sample_data import load_sample
from infra.local.scheduler import Scheduler, schedule_from
from infra.migrations.files import MigrationError
from infra.migrations.run import migrate
from shared.adapters.secretbox import new_key

PROJECT = "demo-refresh"
ROOT = Path(__file__).parents[2]

_OF_THE_CLOUD = ("GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG")
# As root, the database server is another user, who must be able to pass through.
_DIR_MODE = 0o711 if os.geteuid() == 0 else 0o700
_log = logging.getLogger(__name__)


class Stack:
    """A context manager: everything is ready when it is entered, and nothing is left when it is left.

    `data_dir`: where data and logs are, kept for the next start; None: a temporary folder, removed at the end.
    `empty`: no sample data. `bus`: which Pub/Sub; None: the official emulator where found. `functions` False: only
    the servers, migrated. `scheduler` False: no daily trigger and no sweep by themselves. `file`: the env file to
    keep up to date. `root`: the folder that holds `functions/`. Raises PartFailedError when a part does not start.
    """

    def __init__(
        self,
        *,
        data_dir: Path | None = None,
        empty: bool = False,
        bus: Kind | None = None,
        functions: bool = True,
        scheduler: bool = True,
        file: Path | None = None,
        root: Path = ROOT,
        postgres_bin: Path | None = None,
    ) -> None:
        self.env: dict[str, str] = {}
        self._sign_in_code = secrets.token_urlsafe(24)
        self._given_dir = data_dir
        self._empty = empty
        self._kind = bus
        self._with_functions = functions
        self._with_scheduler = scheduler
        self._file = file
        self._root = root
        self._postgres_bin = postgres_bin
        self._parts = ExitStack()
        self._failed = False

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException as error:
            self._failed = isinstance(error, PartFailedError)
            self._parts.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parts.close()

    def _start(self) -> None:
        schedule = schedule_from()
        self._make_folders()
        self._parts.enter_context(Reaper(self._temporary))
        self._start_servers()
        self._migrate()
        create_topics(self.pubsub.address, PROJECT)
        self.functions = self._launch_functions()
        if not self._empty:
            self._load_sample()
        self.functions.wait_ready()
        create_subscriptions(self.pubsub.address, PROJECT, {one.name: one.url for one in self.functions})
        self.scheduler = Scheduler(schedule, address=self.pubsub.address, project=PROJECT)
        if self._with_scheduler:
            self._parts.callback(self.scheduler.stop)
            self.scheduler.start()
        self._tell()
        self.functions.look_after(self._tell)

    def _start_servers(self) -> None:
        """The three servers come up at the same time."""
        self.bigquery = BigQuery(self.data_dir / "bigquery", log=self.logs / "bigquery.log", project=PROJECT)
        self.pubsub = PubSub(kind=self._kind, log=self.logs / "pubsub.log")
        postgres_log = self.logs / "postgres.log"
        self.postgres = Postgres(self.data_dir / "postgres", log=postgres_log, bin_dir=self._postgres_bin)
        if self._given_dir is None:
            self._parts.callback(self.postgres.remove)
        for part in (self.bigquery, self.pubsub, self.postgres):
            self._parts.callback(part.stop)
        self.bigquery.launch()
        self.pubsub.launch()
        self.postgres.start()
        self.bigquery.wait_ready()
        self.pubsub.wait_ready()
        self.env = {
            "DATABASE_URL": self.postgres.url,
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "BIGQUERY_EMULATOR_HOST": self.bigquery.rest_url,
            "BIGQUERY_STORAGE_EMULATOR_HOST": self.bigquery.grpc_address,
            "PUBSUB_EMULATOR_HOST": self.pubsub.address,
            "API_TOKEN": secrets.token_urlsafe(24),
            "API_VIEWER_TOKEN": secrets.token_urlsafe(24),
        }

    def _migrate(self) -> None:
        try:
            applied = migrate(self.postgres.url)
        except MigrationError as error:
            raise PartFailedError("migrations", str(error), self.logs / "postgres.log") from error
        _log.info("applied migrations: %s", ", ".join(applied) or "none")

    def _launch_functions(self) -> Functions:
        names = present(self._root) if self._with_functions else ()
        env = {
            **self._surroundings(),
            **self.env,
            "WEBHOOK_SECRET_KEY": self._webhook_secret_key(),
            "REFRESH_SIGN_IN_FILE": str(self._sign_in_file()),
        }
        made = [
            Function(name, root=self._root, env=env, log=self.logs / f"function-{name}.log", run_dir=self._temporary)
            for name in names
        ]
        functions = Functions(made)
        self._parts.callback(self._forget)
        self._parts.callback(functions.stop)
        functions.launch()
        return functions

    def _sign_in_file(self) -> Path:
        """Holds the code of `sign_in_url`; the API removes it when the code is used."""
        file = self._temporary / "sign-in"
        file.touch(mode=0o600)
        file.write_text(self._sign_in_code)
        return file

    @property
    def sign_in_url(self) -> str:
        """Where a browser is signed in as the operator, once."""
        return f"{self.env['API_URL']}/sign-in/{self._sign_in_code}"

    def _webhook_secret_key(self) -> str:
        """Kept with the data that it opens."""
        file = self.data_dir / "webhook-secret.key"
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(new_key())
        return file.read_text()

    def _load_sample(self) -> None:
        with self.bigquery.client() as client:
            load_sample(client, self.postgres.url, PROJECT)

    def _surroundings(self) -> Mapping[str, str]:
        """Our environment without what would lead a function to the real cloud."""
        return {key: value for key, value in os.environ.items() if key not in _OF_THE_CLOUD}

    def _tell(self) -> None:
        """Bring `env`, and the file where one was asked for, up to date with the functions."""
        env = dict(self.env)
        for function in self.functions:
            env["API_URL" if function.name == "api" else f"FUNCTION_URL_{function.name.upper()}"] = function.url
            env[f"FUNCTION_PID_{function.name.upper()}"] = str(function.serving_pid)
        self.env = env
        if self._file is not None:
            env_file.write(self._file, env)

    def _forget(self) -> None:
        if self._file is not None:
            self._file.unlink(missing_ok=True)

    def _make_folders(self) -> None:
        """A temporary folder, which holds the data too unless a data directory is given."""
        self._temporary = Path(tempfile.mkdtemp(prefix="refresh-stack-"))
        self._parts.callback(self._remove_temporary)
        self._temporary.chmod(_DIR_MODE)
        self.data_dir = (self._given_dir or self._temporary / "data").absolute()
        self.logs = self.data_dir / "logs"
        try:
            self.data_dir.mkdir(mode=_DIR_MODE, parents=True, exist_ok=True)
            self.logs.mkdir(exist_ok=True)
            if self._file is not None:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                self._file.unlink(missing_ok=True)
        except OSError as error:
            raise PartFailedError("folders", f"cannot make what is to be written to: {error}") from error

    def _remove_temporary(self) -> None:
        """Remove the temporary folder; after a failed start keep the logs, which its message names."""
        if self._failed and self.logs.is_relative_to(self._temporary):
            for entry in self.data_dir.iterdir():
                if entry == self.logs:
                    continue
                if entry.is_dir():
                    shutil.rmtree(entry)
                else:
                    entry.unlink()
        else:
            shutil.rmtree(self._temporary)
