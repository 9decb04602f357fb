"""The Cloud SQL connector against a server of this machine: the instance's Admin API and its TLS front are played by a
test, with certificates of their own, and behind them is a real Postgres."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import google.auth.credentials
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.exceptions import DefaultCredentialsError
from google.cloud.sql.connector import Connector, connector

from shared.adapters.cloudsql import CloudSql
from shared.adapters.postgres import PostgresStore
from shared.domain.errors import ConfigurationError, RetryLater

INSTANCE = "project:region:instance"


class Token(google.auth.credentials.Credentials):
    """Credentials that are always good."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.token = "the-token"
        self.expiry = (datetime.now(UTC) + timedelta(hours=1)).replace(tzinfo=None)

    def refresh(self, request: object) -> None:
        self.token = "the-token"


class Authority:
    """Signs the server's certificate and those of clients."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test authority")])
        self.certificate = self.sign("test authority", self._key.public_key(), is_authority=True)

    def sign(self, name: str, public_key: Any, *, is_authority: bool = False) -> str:
        now = datetime.now(UTC)
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        built = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        return built.public_bytes(serialization.Encoding.PEM).decode()

    def server_context(self, folder: Path) -> ssl.SSLContext:
        """What the instance's front speaks TLS with: only clients that this authority signed get in."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / "server.pem").write_bytes(pem + self.sign("server", key.public_key()).encode())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem")
        context.load_verify_locations(cadata=self.certificate)
        context.verify_mode = ssl.CERT_REQUIRED
        return context


@dataclass
class Instance:
    """A Cloud SQL instance: `status` is what its Admin API answers with, `asked` what it was asked."""

    authority: Authority
    postgres: tuple[str, int]
    context: ssl.SSLContext
    status: int = 200
    addresses: list[str] = field(default_factory=lambda: ["PRIMARY"])
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    api_url: str = ""
    port: int = 0

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.asked.append((path, body))
        if self.status != 200:
            return self.status, {"error": {"code": self.status, "message": "the server's own words"}}
        if path.endswith("connectSettings"):
            addresses = [{"type": one, "ipAddress": "127.0.0.1"} for one in self.addresses]
            certificate = {"cert": self.authority.certificate}
            return 200, {
                "region": "region",
                "databaseVersion": "POSTGRES_17",
                "ipAddresses": addresses,
                "serverCaCert": certificate,
            }
        key = serialization.load_pem_public_key(body["public_key"].encode())
        return 200, {"ephemeralCert": {"cert": self.authority.sign("client", key)}}

    def front(self, listener: socket.socket) -> None:
        """Hand on what authorised clients say to Postgres, until the listener is closed."""
        while True:
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(raw,), daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        try:
            client = self.context.wrap_socket(raw, server_side=True)
        except OSError:
            raw.close()
            return
        server = socket.create_connection(self.postgres)
        threading.Thread(target=_hand_on, args=(server, client), daemon=True).start()
        _hand_on(client, server)


def _hand_on(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    finally:
        for one in (source, target):
            one.close()


def _admin_api(instance: Instance) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            status, answer = instance.answer(self.path, json.loads(self.rfile.read(length) or "{}"))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def instance(
    authority: Authority, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Instance]:
    parts = urlsplit(postgres_url)
    made = Instance(authority, (str(parts.hostname), int(parts.port or 0)), authority.server_context(tmp_path))
    api, listener = _admin_api(made), socket.create_server(("127.0.0.1", 0))
    made.api_url = f"http://127.0.0.1:{api.server_port}"
    monkeypatch.setattr(connector, "SERVER_PROXY_PORT", listener.getsockname()[1])
    threading.Thread(target=api.serve_forever, daemon=True).start()
    threading.Thread(target=made.front, args=(listener,), daemon=True).start()
    yield made
    api.shutdown()
    api.server_close()
    listener.close()


@pytest.fixture
def open_with(instance: Instance, postgres_url: str) -> Iterator[Callable[..., CloudSql]]:
    """Makes the adapter for the test's database, with a password unless told otherwise."""
    parts, opened = urlsplit(postgres_url), []

    def make(**options: Any) -> CloudSql:
        given = {"user": parts.username, "password": parts.password} | options
        made = CloudSql(
            INSTANCE,
            database=parts.path[1:],
            make_connector=partial(Connector, credentials=Token(), sqladmin_api_endpoint=instance.api_url),
            **given,
        )
        opened.append(made)
        return made

    yield make
    for one in opened:
        one.close()


def test_transactions_and_copy_go_through_the_connector(open_with: Callable[..., CloudSql]) -> None:
    store = PostgresStore(open_with())
    with store.transaction() as session:
        session.run("CREATE TABLE copied (id bigint, name text)")
        session.copy_in("COPY copied FROM STDIN", [b"1\tone\n", b"2\ttwo\n"])
        assert session.run("SELECT name FROM copied WHERE id = :id", id=2) == [{"name": "two"}]
        assert session.run("SHOW application_name")[0]["application_name"] == "refresh"
    store.close()


def test_nothing_is_fetched_before_the_first_connection_and_once_for_several(
    instance: Instance, open_with: Callable[..., CloudSql]
) -> None:
    cloud_sql = open_with()
    assert instance.asked == []
    for _ in range(3):
        cloud_sql().close()
    assert len([path for path, _ in instance.asked if path.endswith("connectSettings")]) == 1
    assert len([path for path, _ in instance.asked if path.endswith(":generateEphemeralCert")]) == 1


def test_a_login_by_iam_sends_the_token_with_the_key_and_no_password(
    instance: Instance, open_with: Callable[..., CloudSql], postgres_url: str
) -> None:
    login = "refresh-asin@project.iam"
    admin = PostgresStore(postgres_url)
    with admin.transaction() as session:
        session.run(f"CREATE ROLE \"{login}\" LOGIN PASSWORD 'known to nobody'")
    try:
        # This server asks for a password, and there is none to give: an instance knows the login by its certificate.
        with pytest.raises(AttributeError, match="decode"):
            _open_once(open_with(user=login + ".gserviceaccount.com", password=None))
    finally:
        with admin.transaction() as session:
            session.run(f'DROP ROLE "{login}"')
        admin.close()
    (body,) = [body for path, body in instance.asked if path.endswith(":generateEphemeralCert")][:1]
    assert body["access_token"] == "the-token"


def _open_once(cloud_sql: CloudSql) -> None:
    store = PostgresStore(cloud_sql)
    with store.transaction():
        pass


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (403, ConfigurationError, "roles/cloudsql.client"),
        (404, ConfigurationError, "there is no such instance"),
        (400, ConfigurationError, "project:region:instance"),
    ],
)
def test_what_somebody_has_to_mend_says_how(
    instance: Instance, open_with: Callable[..., CloudSql], status: int, kind: type[Exception], said: str
) -> None:
    instance.status = status
    with pytest.raises(kind, match=said):
        open_with()()


def test_an_address_that_the_instance_lacks_is_named(instance: Instance, open_with: Callable[..., CloudSql]) -> None:
    with pytest.raises(ConfigurationError, match="set CLOUD_SQL_IP_TYPE"):
        open_with(ip_type="PRIVATE")()


def test_trouble_of_the_admin_api_passes(instance: Instance) -> None:
    def broken(**options: Any) -> Connector:
        return Connector(credentials=Token(), sqladmin_api_endpoint="http://127.0.0.1:1", **options)

    cloud_sql = CloudSql(INSTANCE, database="d", user="u", password="p", make_connector=broken)
    with pytest.raises(RetryLater, match="cannot be reached"):
        cloud_sql()
    cloud_sql.close()


def test_no_credentials_at_all_say_how_to_get_some() -> None:
    def without(**options: Any) -> Connector:
        raise DefaultCredentialsError("none were found")

    with pytest.raises(ConfigurationError, match="gcloud auth application-default login"):
        CloudSql(INSTANCE, database="d", user="u", make_connector=without)()
