"""A client that goes away stops what the server does for it."""

import os
import signal
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from keras_files import saved, sequential

SECONDS = (
    30.0  # a loaded machine is slow; a process that is stopped never ends by itself
)


def readers_of(name: str) -> list[int]:
    """The processes that read a file of this name."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            zombie = (process / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:  # gone by now
            continue
        reads = any(word.endswith(name.encode()) for word in words)
        if reads and b"nncompress_lab.server" in words and not zombie:
            found.append(int(process.name))
    return found


def wait_for(name: str, *, reading: bool) -> list[int]:
    end = time.monotonic() + SECONDS
    while bool(found := readers_of(name)) is not reading and time.monotonic() < end:
        time.sleep(0.02)
    return found


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
def test_a_reading_ends_when_the_client_has_closed_its_connection(server):
    saved(sequential(), server.root / "closed.keras")
    address = urlsplit(server.base)
    lines = [
        f"GET {address.path}/nncompress-lab/inspect?path=closed.keras HTTP/1.1",
        f"Host: {address.netloc}",
        *(f"{name}: {value}" for name, value in server.headers.items()),
    ]
    with socket.create_connection((address.hostname, address.port), SECONDS) as client:
        client.sendall("\r\n".join([*lines, "", ""]).encode())
        (reader,) = wait_for("closed.keras", reading=True)
        os.kill(reader, signal.SIGSTOP)  # from now on it would read for ever

    assert wait_for("closed.keras", reading=False) == []
