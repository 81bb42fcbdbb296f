"""boto3's client of an S3 server, as all of our transfers want it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hca_core import __version__, urls
from hca_core.errors import LoginError
from hca_core.s3.bodies import Body
from hca_core.s3.telling import Words, told

if TYPE_CHECKING:
    from hca_core.http import Policy

NO_KEYS_HINT = "aws configure, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"


@dataclass(frozen=True)
class Place:
    """Which S3 server: that of `endpoint`, or the one that boto3 finds if it is empty (AWS_ENDPOINT_URL_S3, AWS).

    `accelerated` asks for the nearest entrance of AWS, which no other server has. `region` is the one that counts where
    boto3 would find another or none; empty leaves it to boto3.
    """

    endpoint: str = ""
    region: str = ""
    accelerated: bool = False


def connect(policy: Policy, connections: int, words: Words, place: Place | None = None, credentials: Any = None) -> Any:
    """Return a client that may use so many `connections`.

    Parameters: `credentials` are botocore's, by default those that boto3 finds. Raises LoginError, ConfigError.
    """
    place = place or Place()
    with told(words):
        session = _session(credentials)
        if credentials is None and session.get_credentials() is None:
            raise LoginError(f"there are no keys for the {words.what} (AWS credentials)", NO_KEYS_HINT)
        client = _client(session, policy, connections, place, accelerated=False)
        if place.accelerated and is_amazon(client.meta.endpoint_url):
            client = _client(session, policy, connections, place, accelerated=True)
    client.meta.events.register("before-sign.s3", _send_at_once)
    return client


def is_amazon(url: str) -> bool:
    """Tell whether an S3 endpoint is one of AWS itself."""
    host = urls.origin(url)[1]
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))


def _session(credentials: Any) -> Any:
    import boto3

    if credentials is None:
        return boto3.session.Session()
    from botocore.session import Session

    session = Session()
    session.register_component("credential_provider", _Provider(credentials))
    return boto3.session.Session(botocore_session=session)


class _Provider:
    """Gives a session these credentials and no others: the user's own keys must not slip in."""

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials

    def load_credentials(self) -> Any:
        return self._credentials


def _client(session: Any, policy: Policy, connections: int, place: Place, *, accelerated: bool) -> Any:
    import boto3
    from botocore.config import Config

    region = place.region or session.region_name
    settings: dict[str, Any] = {"payload_signing_enabled": False}
    if accelerated:
        settings["use_accelerate_endpoint"] = True
    config = Config(
        connect_timeout=policy.connect_timeout,
        read_timeout=policy.read_timeout,
        retries={"mode": "standard", "total_max_attempts": max(1, int(policy.tries))},
        max_pool_connections=connections,
        # Whole, not as an addition: boto3 puts its own together anew for every request, a tenth of the time of it.
        user_agent=f"hca/{__version__} boto3/{boto3.__version__}",
        # Every request carries a proof of its body (see proofs.py), so no bytes go wrong unnoticed. What boto3 would
        # add, more checksums and over http a signature of the body, costs a third of the time.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3=settings,
    )
    client = session.client("s3", config=config, endpoint_url=place.endpoint or None, region_name=region)
    if urls.is_loopback(client.meta.endpoint_url):
        # A proxy elsewhere could not reach this machine, and would read what was meant for it.
        config = config.merge(Config(proxies={}))
        client = session.client("s3", config=config, endpoint_url=place.endpoint or None, region_name=region)
    return client


def _send_at_once(request: Any, **_: Any) -> None:
    """Send small bodies without asking for leave (Expect: 100-continue), which takes longer than sending them."""
    if not isinstance(request.data, Body):
        del request.headers["Expect"]
