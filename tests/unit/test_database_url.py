"""How a connection to Postgres begins, by the address."""

from __future__ import annotations

import socket
import struct
import threading

import pg8000.native
import pytest
from pg8000.exceptions import InterfaceError

from shared.adapters.database_url import connection_arguments

_TLS = 80_877_103
_START = 196_608
"""Version 3.0 of the protocol."""


def first_word(mode: str) -> int:
    """What the client asks for first, of a server that hangs up on it."""
    words: list[int] = []

    def take() -> None:
        connection, _ = listener.accept()
        with connection:
            words.append(struct.unpack(">i", connection.recv(8, socket.MSG_WAITALL)[4:])[0])

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=take)
        server.start()
        address = f"postgresql://somebody:secret@127.0.0.1:{listener.getsockname()[1]}/database{mode}"
        with pytest.raises(InterfaceError):
            pg8000.native.Connection(**connection_arguments(address))
        server.join()
    return words[0]


@pytest.mark.parametrize("mode", ["", "?sslmode=disable"])
def test_without_tls_none_is_asked_for(mode: str) -> None:
    assert first_word(mode) == _START


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_where_tls_has_to_be_it_is_asked_for_first(mode: str) -> None:
    assert first_word(f"?sslmode={mode}") == _TLS
