"""Ports that nobody takes by chance."""

from __future__ import annotations

import random
import socket
from contextlib import closing

# The system gives those from 32768 on to whoever asks for any port, also for the near end of each connection.
_RANGE = range(12_000, 32_000)
_random = random.SystemRandom()  # the processes of a run must not choose alike, whatever tests do with the seed
_given: set[int] = set()


def lasting() -> int:
    """Return a port that is free, and that is still free when it is closed and listened on again; each time another.

    A port that the system has chosen may be somebody else's a moment after it was closed.
    """
    while True:
        port = _random.choice(_RANGE)
        if port in _given:
            continue
        with closing(socket.socket()) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
