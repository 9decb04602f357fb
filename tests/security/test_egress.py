"""No webhook reaches anything but a public address, however its name, its answer or its address is made."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import NoReturn

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shared.adapters.egress import Deadline, Egress
from shared.adapters.webhook import HttpWebhookSender
from shared.domain.addresses import embedded_addresses, refusal
from shared.domain.errors import NotSent
from shared.domain.webhook_url import LoopbackReceivers, WebhookUrl
from shared.domain.webhooks import WebhookRequest, WebhookResponse
from tests.support.raw_receiver import Behaviour, Posted, RawReceiver, answering, status

LOOPBACK = LoopbackReceivers.parse("127.0.0.1:*")
NAME = "hooks.example.com"

# Address and expected reason; None: may be sent to.
ADDRESSES = [
    ("8.8.8.8", None),
    ("1.1.1.1", None),
    ("93.184.216.34", None),
    ("0.0.0.0", "unspecified"),
    ("0.1.2.3", "unspecified"),
    ("10.0.0.1", "private"),
    ("10.255.255.255", "private"),
    ("100.64.0.1", "carrier_nat"),
    ("100.127.255.255", "carrier_nat"),
    ("100.128.0.1", None),
    ("127.0.0.1", "loopback"),
    ("127.255.255.254", "loopback"),
    ("169.254.0.1", "link_local"),
    ("169.254.169.254", "metadata"),
    ("169.254.170.2", "metadata"),
    ("100.100.100.200", "metadata"),
    ("192.0.0.192", "metadata"),
    ("168.63.129.16", "metadata"),
    ("172.15.255.255", None),
    ("172.16.0.1", "private"),
    ("172.31.255.255", "private"),
    ("172.32.0.1", None),
    ("192.0.0.8", "protocol"),
    ("192.0.2.1", "documentation"),
    ("192.31.196.1", "protocol"),
    ("192.52.193.1", "protocol"),
    ("192.88.99.1", "transition"),
    ("192.168.1.1", "private"),
    ("192.175.48.1", "protocol"),
    ("198.18.0.1", "benchmark"),
    ("198.19.255.255", "benchmark"),
    ("198.51.100.1", "documentation"),
    ("203.0.113.1", "documentation"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.250", "multicast"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.255", "reserved"),
    ("2606:4700:4700::1111", None),
    ("2001:4860:4860::8888", None),
    ("2a00:1450:4001:81b::200e", None),
    ("::", "unspecified"),
    ("::1", "loopback"),
    ("100::1", "discard"),
    ("2001:2::1", "protocol"),
    ("2001:10::1", "protocol"),
    ("2001:20::1", "protocol"),
    ("2001:db8::1", "documentation"),
    ("2620:4f:8000::1", "protocol"),
    ("3fff::1", "documentation"),
    ("5f00::1", "protocol"),
    ("4000::1", "special"),
    ("fc00::1", "private"),
    ("fd00::1", "private"),
    ("fd00:ec2::254", "metadata"),
    ("fd20:ce::254", "metadata"),
    ("fe80::1", "link_local"),
    ("fe80::1%1", "link_local"),
    ("fec0::1", "private"),
    ("ff02::1", "multicast"),
    # IPv4-mapped
    ("::ffff:127.0.0.1", "loopback"),
    ("::ffff:10.0.0.1", "private"),
    ("::ffff:169.254.169.254", "metadata"),
    ("::ffff:a9fe:a9fe", "metadata"),
    ("::ffff:8.8.8.8", None),
    # IPv4-compatible
    ("::127.0.0.1", "loopback"),
    ("::169.254.169.254", "metadata"),
    ("::8.8.8.8", "transition"),
    # IPv4-translated
    ("::ffff:0:10.0.0.1", "private"),
    ("::ffff:0:169.254.169.254", "metadata"),
    ("::ffff:0:8.8.8.8", "transition"),
    # NAT64, the well-known prefix and the local one
    ("64:ff9b::a9fe:a9fe", "metadata"),
    ("64:ff9b::127.0.0.1", "loopback"),
    ("64:ff9b::10.0.0.1", "private"),
    ("64:ff9b::8.8.8.8", None),
    ("64:ff9b:1::a9fe:a9fe", "metadata"),
    ("64:ff9b:1::808:808", "transition"),
    ("64:ff9b:1:a9fe:a9:fe00::", "unspecified"),
    # 6to4
    ("2002:a9fe:a9fe::1", "metadata"),
    ("2002:7f00:1::", "loopback"),
    ("2002:a00:1::1", "private"),
    ("2002:808:808::1", "transition"),
    # Teredo: the server, and the client with its bits inverted
    ("2001:0:a9fe:a9fe::1", "metadata"),
    ("2001:0:808:808:0:0:5601:5601", "metadata"),
    ("2001:0:808:808:0:0:f5ff:fffe", "private"),
    ("2001:0:808:808:0:0:f7f7:f7f7", "transition"),
    # ISATAP, with and without the universal bit
    ("2606:4700::5efe:a9fe:a9fe", "metadata"),
    ("2606:4700::200:5efe:a00:1", "private"),
    ("2606:4700::5efe:808:808", "transition"),
    ("fe80::5efe:a00:1", "private"),
]

URLS = [
    ("https://example.com/hook?token=a%20b", None),
    ("https://example.com:8443/", None),
    ("https://8.8.8.8/", None),
    ("https://[2606:4700:4700::1111]:443/", None),
    ("https://xn--bcher-kva.example/", None),
    ("http://example.com/", "https://"),
    ("ftp://example.com/", "https://host"),
    ("file:///etc/passwd", "https://host"),
    ("gopher://example.com/", "https://host"),
    ("//example.com/", "https://host"),
    ("https:///hook", "https://host"),
    ("", "printable"),
    ("https://example.com/" + "x" * 2000, "2000"),
    ("https://example.com/\r\nX-Injected: 1", "printable"),
    ("https://example.com\\@evil.example/", "backslash"),
    ("https://exämple.com/", "punycode"),
    ("https://user:password@example.com/", "password"),
    ("https://example.com/#fragment", "fragment"),
    ("https://example.com:22/", "port 22"),
    ("https://example.com:25/", "port 25"),
    ("https://example.com:0/", "port 0"),
    ("https://example.com:70000/", "out of range"),
    ("https://127.0.0.1/", "loopback"),
    ("https://10.1.2.3/", "private"),
    ("https://169.254.169.254/computeMetadata/v1/", "metadata"),
    ("https://[::1]/", "loopback"),
    ("https://[::ffff:169.254.169.254]/", "metadata"),
    ("https://[64:ff9b::a9fe:a9fe]/", "metadata"),
    ("https://[fe80::1%25eth0]/", "link_local"),
    ("https://2130706433/", "no host name"),
    ("https://0x7f000001/", "no host name"),
    ("https://0x7f.1/", "no host name"),
    ("https://127.1/", "no host name"),
    ("https://0177.0.0.1/", "no host name"),
    ("https://127.0.0.1./", "no host name"),
    ("https://a..b/", "no host name"),
    ("https://-a.example/", "no host name"),
]


@pytest.mark.parametrize(("address", "reason"), ADDRESSES)
def test_only_public_addresses_may_be_sent_to(address: str, reason: str | None) -> None:
    assert refusal(ip_address(address)) == reason


@pytest.mark.parametrize(("address", "reason"), [one for one in ADDRESSES if one[1]])
def test_a_name_at_such_an_address_is_never_dialled(address: str, reason: str) -> None:
    dialled: list[tuple[str, int]] = []
    egress = Egress(resolver=lambda host, port: ["8.8.8.8", address], connect=_recording(dialled))
    with pytest.raises(NotSent, match=rf"^egress: {NAME} is at .* \({reason}\)"):
        egress.dial(NAME, 443, Deadline(5))
    assert dialled == []


def test_every_embedded_address_of_teredo_is_seen() -> None:
    found = embedded_addresses(IPv6Address("2001:0:4136:e378:8000:63bf:3fff:fdd2"))
    assert [str(one) for one in found] == ["65.54.227.120", "192.0.2.45"]


@pytest.mark.parametrize(("url", "problem"), URLS)
def test_urls_are_refused_before_anything_is_resolved(url: str, problem: str | None) -> None:
    if problem is None:
        WebhookUrl.parse(url)
        return
    with pytest.raises(ValueError, match=problem):
        WebhookUrl.parse(url)
    with pytest.raises(NotSent, match=r"^egress: "):
        HttpWebhookSender(Egress(resolver=_never, connect=_never)).post(_request(url))


@pytest.mark.parametrize("text", ["10.0.0.1:80", "127.0.0.1", "localhost:80", "0.0.0.0:*", "1", "true", "*"])
def test_nothing_but_loopback_can_be_allowed(text: str) -> None:
    with pytest.raises(ValueError, match="no loopback receiver"):
        LoopbackReceivers.parse(text)


def test_an_allowed_receiver_opens_its_own_port_only() -> None:
    dialled: list[tuple[str, int]] = []
    allowed = LoopbackReceivers.parse("127.0.0.1:8080, [::1]:*")
    egress = Egress(resolver=lambda host, port: ["127.0.0.1"], connect=_recording(dialled), loopback=allowed)
    with pytest.raises(NotSent, match="loopback"):
        egress.dial("localhost", 5432, Deadline(5))
    with pytest.raises(NotSent, match="connect"):
        egress.dial("localhost", 8080, Deadline(5))
    assert dialled == [("127.0.0.1", 8080)]
    assert allowed.holds(ip_address("::1"), 9)
    assert not allowed.holds(ip_address("127.0.0.2"), 8080)


def test_a_name_is_resolved_once_and_the_checked_address_is_dialled() -> None:
    answers = [["93.184.216.34"], ["127.0.0.1"], ["169.254.169.254"]]
    asked: list[str] = []
    dialled: list[tuple[str, int]] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return answers.pop(0)

    with pytest.raises(NotSent, match="connect"):
        Egress(resolver=rebinding, connect=_recording(dialled)).dial(NAME, 443, Deadline(5))
    assert asked == [NAME]
    assert dialled == [("93.184.216.34", 443)]


def test_a_name_that_moves_inside_between_two_attempts_is_refused() -> None:
    answers = [["127.0.0.1"], ["127.0.0.2"]]
    with RawReceiver() as receiver:
        allowed = LoopbackReceivers.parse(f"127.0.0.1:{receiver.port}")
        sender = _sender(resolver=lambda host, port: answers.pop(0), loopback=allowed)
        assert sender.post(_request(receiver.url(NAME))).status == 204
        with pytest.raises(NotSent, match="egress"):
            sender.post(_request(receiver.url(NAME)))
        assert receiver.connections == 1


def test_what_is_asked_for_is_the_name_and_not_the_address() -> None:
    with RawReceiver() as receiver:
        _sender().post(_request(receiver.url(NAME, "/a/b?c=d")))
        assert receiver.requests[0].line == "POST /a/b?c=d HTTP/1.1"
        assert receiver.requests[0].headers["host"] == f"{NAME}:{receiver.port}"
        assert receiver.requests[0].body == b"{}"


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(code: int) -> None:
    with RawReceiver() as inside:
        with RawReceiver(status(code, f"Location: {inside.url()}")) as receiver:
            assert _sender().post(_request(receiver.url())).status == code
            assert len(receiver.requests) == 1
        assert inside.connections == 0


def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with RawReceiver() as proxy, RawReceiver() as receiver:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url())
        assert _sender().post(_request(receiver.url())).status == 204
        assert (proxy.connections, receiver.connections) == (0, 1)


class TestMisbehaviour:
    """One time limit holds for all of an attempt, and one size limit for all that comes back."""

    def test_silence(self) -> None:
        over = threading.Event()
        self._times_out(lambda connection, posted: over.wait(30))
        over.set()

    def test_a_dripping_head(self) -> None:
        self._times_out(_dripping(b"HTTP/1.1 200 OK\r\nX-Drip: ", b"x"))

    def test_endless_continues(self) -> None:
        self._fails(_endless(b"HTTP/1.1 100 Continue\r\n\r\n"))

    def test_an_endless_head(self) -> None:
        self._fails(_endless(b"X-Endless: " + b"x" * 1000 + b"\r\n", first=b"HTTP/1.1 200 OK\r\n"))

    def test_an_endless_line(self) -> None:
        self._fails(_endless(b"x" * 1000, first=b"HTTP/1.1 200 "))

    def test_a_gigabyte_after_success_is_not_read(self) -> None:
        sent: list[int] = []
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n"
        with RawReceiver(_endless(b"x" * 65_536, first=head, sent=sent)) as receiver:
            assert _sender().post(_request(receiver.url())).status == 200
        assert sum(sent) < 16 * 1024 * 1024

    def test_a_gigabyte_after_failure_is_read_to_a_thousand_bytes(self) -> None:
        head = b"HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n"
        with RawReceiver(_endless(b"1000\r\n" + b"x" * 0x1000 + b"\r\n", first=head)) as receiver:
            response = _sender().post(_request(receiver.url()))
        assert response.status == 500
        assert 0 < len(response.excerpt) <= 1000

    def test_a_dripping_body_does_not_keep_the_status_back(self) -> None:
        head = b"HTTP/1.1 500 Oh\r\nContent-Length: 1000000\r\n\r\n"
        with RawReceiver(_dripping(head, b"")) as receiver:
            assert _sender(seconds=1).post(_request(receiver.url())).status == 500

    @pytest.mark.parametrize(
        "answer",
        [b"", b"garbage\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 99999 No\r\n\r\n", b"\x16\x03\x01", b"\0"],
    )
    def test_what_is_no_answer(self, answer: bytes) -> None:
        self._fails(answering(answer), reason="protocol")

    def test_nul_and_broken_text_in_an_excerpt(self) -> None:
        with RawReceiver(status(500, body=b"a\0b\xff")) as receiver:
            excerpt = _sender().post(_request(receiver.url())).excerpt
        assert excerpt == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"

    def test_a_refused_connection(self) -> None:
        with RawReceiver() as receiver:
            url = receiver.url()
        with pytest.raises(NotSent, match=r"^connect: "):
            _sender().post(_request(url))

    def test_a_resolver_that_hangs(self) -> None:
        over = threading.Event()

        def hanging(host: str, port: int) -> list[str]:
            over.wait(30)
            return []

        with pytest.raises(NotSent, match=r"^timeout: .* not resolved"):
            _sender(resolver=hanging, seconds=0.2).post(_request(f"https://{NAME}/"))
        over.set()

    @pytest.mark.parametrize("error", [socket.gaierror("no such name"), UnicodeError("label too long")])
    def test_a_name_that_does_not_resolve(self, error: Exception) -> None:
        def failing(host: str, port: int) -> list[str]:
            raise error

        with pytest.raises(NotSent, match=r"^dns: "):
            _sender(resolver=failing).post(_request(f"https://{NAME}/"))

    def _times_out(self, behave: Behaviour) -> None:
        with RawReceiver(behave) as receiver, pytest.raises(NotSent, match=r"^timeout: "):
            _sender(seconds=0.3).post(_request(receiver.url()))

    def _fails(self, behave: Behaviour, *, reason: str = "protocol|timeout") -> None:
        with RawReceiver(behave) as receiver, pytest.raises(NotSent, match=f"^({reason}): "):
            _sender(seconds=3).post(_request(receiver.url()))


class TestTls:
    """The certificate has to be the name's, from an authority that is trusted, whatever address was dialled."""

    def test_the_name_is_told_and_verified(self, authority: Authority) -> None:
        with RawReceiver(tls=authority.server(NAME)) as receiver:
            response = self._post(receiver, authority.client())
            assert response.status == 204
            assert receiver.requests[0].server_name == NAME

    def test_a_certificate_of_another_name_is_refused(self, authority: Authority) -> None:
        with RawReceiver(tls=authority.server("other.example.com")) as receiver:
            with pytest.raises(NotSent, match=r"^tls: .*not valid for"):
                self._post(receiver, authority.client())
            assert receiver.requests == []

    def test_an_unknown_authority_is_refused(self, authority: Authority) -> None:
        with RawReceiver(tls=authority.server(NAME)) as receiver:
            with pytest.raises(NotSent, match=r"^tls: "):
                self._post(receiver, None)
            assert receiver.requests == []

    def test_a_handshake_that_never_ends(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            request = _request(f"https://{NAME}:{silent.getsockname()[1]}/")
            with pytest.raises(NotSent, match=r"^timeout: "):
                _sender(seconds=0.3).post(request)

    def _post(self, receiver: RawReceiver, tls: ssl.SSLContext | None) -> WebhookResponse:
        return _sender(tls=tls).post(_request(receiver.url(NAME)))


class Authority:
    """A certificate authority of the test's own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("test authority")
        usage = dict.fromkeys(_KEY_USAGES, False) | {"key_cert_sign": True}
        self._certificate = self._sign(
            self._name, self._key, x509.BasicConstraints(ca=True, path_length=None), x509.KeyUsage(**usage)
        )

    def client(self) -> ssl.SSLContext:
        """Trusts this authority alone."""
        return ssl.create_default_context(cadata=_pem(self._certificate).decode())

    def server(self, name: str) -> ssl.SSLContext:
        """Has a certificate of the name."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(_name(name), key, x509.SubjectAlternativeName([x509.DNSName(name)]))
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file = self._folder / f"{name}.pem"
        file.write_bytes(private + _pem(certificate))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *extensions: x509.ExtensionType
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )
        identifiers = (
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
        )
        for extension in (*extensions, *identifiers):
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(self._key, hashes.SHA256())


_KEY_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def _request(url: str) -> WebhookRequest:
    return WebhookRequest(url=url, headers={"Content-Type": "application/json"}, body=b"{}")


def _sender(
    *,
    resolver: Callable[[str, int], list[str]] = lambda host, port: ["127.0.0.1"],
    loopback: LoopbackReceivers = LOOPBACK,
    tls: ssl.SSLContext | None = None,
    seconds: float = 10,
) -> HttpWebhookSender:
    return HttpWebhookSender(Egress(resolver=resolver, loopback=loopback), tls=tls, attempt_seconds=seconds)


def _recording(dialled: list[tuple[str, int]]) -> Callable[[tuple[str, int], float], socket.socket]:
    def connect(address: tuple[str, int], timeout: float) -> socket.socket:
        dialled.append(address)
        raise ConnectionRefusedError("nobody is there")

    return connect


def _never(*arguments: object) -> NoReturn:
    raise AssertionError(f"asked for {arguments}")


def _endless(chunk: bytes, *, first: bytes = b"", sent: list[int] | None = None) -> Behaviour:
    """Send as fast as the other side takes it, until it closes."""

    def behave(connection: socket.socket, posted: Posted) -> None:
        connection.sendall(first)
        while True:
            connection.sendall(chunk)
            if sent is not None:
                sent.append(len(chunk))

    return behave


def _dripping(first: bytes, drop: bytes) -> Behaviour:
    """A drop every 20 ms, until the other side closes."""
    pause = threading.Event()

    def behave(connection: socket.socket, posted: Posted) -> None:
        connection.sendall(first)
        for _ in range(500):
            pause.wait(0.02)
            connection.sendall(drop)

    return behave
