"""A server process for the tests: `python server_process.py ROOT KEYS`; the first line of its output is its port.

KEYS is a JSON list of keys: id and secret, and for session keys token, expires, bucket, prefix and actions.
"""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn

from hca_local.s3.keys import Key
from hca_local.s3.service import S3Service


class Keys:
    """The keys that the test gave."""

    def __init__(self, told: list[dict[str, Any]]) -> None:
        self._keys = {key.access_key_id: key for key in map(_key, told)}

    def find(self, access_key_id: str) -> Key | None:
        """Return the key with this id."""
        return self._keys.get(access_key_id)


def _key(told: dict[str, Any]) -> Key:
    if "token" not in told:
        return Key(told["id"], told["secret"])

    def allows(action: str, bucket: str, key: str) -> bool:
        return action in told["actions"] and bucket == told["bucket"] and key.startswith(told["prefix"])

    return Key(told["id"], told["secret"], told["token"], told["expires"], allows)


def main() -> None:
    """Serve until a signal."""
    service = S3Service(Path(sys.argv[1]), Keys(json.loads(sys.argv[2])))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        config = uvicorn.Config(
            service, http="httptools", loop="uvloop", ws="none", lifespan="off", log_config=None, access_log=False,
            server_header=False, timeout_keep_alive=90, timeout_graceful_shutdown=1,
        )  # fmt: skip
        print(listener.getsockname()[1], flush=True)
        uvicorn.Server(config).run(sockets=[listener])
    service.close()


if __name__ == "__main__":
    main()
