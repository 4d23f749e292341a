"""Messages between two processes of a cluster, over TCP: a small JSON object, and bytes that may follow it."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import struct
import threading
import time
from typing import Any

MOST_JSON = 1 << 24
"""Bytes of the largest JSON object that is read."""
MOST_GREETING = 1 << 16
"""Bytes of the largest JSON object in the first message of a connection."""
PIECE = 1 << 20
"""Bytes that are sent at once. The time limit applies to each piece."""
_SIZES = struct.Struct(">QQ")


class ChannelError(OSError):
    """The other process has closed the connection, does not answer, or does not write messages of ganzoo."""


class Channel:
    """One end of a connection. Any thread may send; one thread receives.

    Args:
        connection: a connected socket.
        silence: seconds without a byte from the other process after which it counts as hung.
    """

    def __init__(self, connection: socket.socket, *, silence: float) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connection
        self.allow_silence(silence)
        self._sending = threading.Lock()

    @property
    def remote_host(self) -> str:
        """The address of the other machine.

        Raises:
            ChannelError: if the other process has closed the connection.
        """
        try:
            return str(self._socket.getpeername()[0])
        except OSError as error:
            raise ChannelError(f"the connection broke: {error.strerror or error}") from error

    def allow_silence(self, seconds: float) -> None:
        """Set after how many seconds without a byte the other process counts as hung."""
        self._silence = seconds
        self._socket.settimeout(seconds)

    def send(self, kind: str, payload: bytes = b"", **values: Any) -> None:
        """Send a message.

        Raises:
            ChannelError: if the other process is gone, or takes nothing for ``silence`` seconds.
        """
        text = json.dumps({"kind": kind, **values}).encode()
        try:
            with self._sending:
                self._socket.sendall(_SIZES.pack(len(text), len(payload)) + text)
                for first in range(0, len(payload), PIECE):
                    self._socket.sendall(payload[first : first + PIECE])
        except OSError as error:
            raise ChannelError(f"cannot send: {error.strerror or error}") from error

    def receive_greeting(self, *, seconds: float) -> dict[str, Any]:
        """Wait for the first message, which may be a stranger's: a short one, within a time.

        Raises:
            ChannelError: if it is late, long, or not a message of ganzoo.
        """
        deadline = time.monotonic() + seconds
        return self._receive(most_json=MOST_GREETING, most_payload=0, deadline=deadline)[0]

    def receive(self) -> tuple[dict[str, Any], bytes]:
        """Wait for a message. Returns its values, with ``kind``, and the bytes after them.

        Raises:
            ChannelError: if the other process is gone, hung or not ganzoo.
        """
        return self._receive(most_json=MOST_JSON)

    def _receive(
        self, *, most_json: int, most_payload: int | None = None, deadline: float | None = None
    ) -> tuple[dict[str, Any], bytes]:
        text, payload = _SIZES.unpack(self._read(_SIZES.size, deadline))
        if text > most_json or (most_payload is not None and payload > most_payload):
            raise ChannelError("it does not write messages of ganzoo")
        try:
            message = json.loads(self._read(text, deadline))
        except (ValueError, RecursionError) as error:
            raise ChannelError("it does not write messages of ganzoo") from error
        if not isinstance(message, dict) or "kind" not in message:
            raise ChannelError("it does not write messages of ganzoo")
        return message, self._read(payload, deadline)

    def is_closed(self) -> bool:
        """Whether the other process has closed the connection, and nothing is left to receive."""
        try:
            return bool(select.select([self._socket], [], [], 0)[0]) and not self._socket.recv(1, socket.MSG_PEEK)
        except (OSError, ValueError):
            return True

    def close(self) -> None:
        """Close the connection. A waiting ``receive`` ends with an error."""
        with contextlib.suppress(OSError):  # the other process may be faster
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _read(self, size: int, deadline: float | None) -> bytes:
        parts, left = [], size
        while left:
            if deadline is not None and time.monotonic() > deadline:
                raise ChannelError("it is too slow")
            try:
                part = self._socket.recv(min(left, PIECE))
            except TimeoutError as error:
                raise ChannelError(f"it did not answer for {self._silence:g} s") from error
            except OSError as error:
                raise ChannelError(f"the connection broke: {error.strerror or error}") from error
            if not part:
                raise ChannelError("it ended without a message")
            parts.append(part)
            left -= len(part)
        return b"".join(parts)
