"""What S3 and boto3 refuse, in one sentence each."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hca_core.errors import ConfigError, HCAError, IntegrityError, LoginError, NetworkError, NotFoundError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

BAD_KEYS = frozenset(
    {"ExpiredToken", "InvalidToken", "InvalidAccessKeyId", "SignatureDoesNotMatch", "TokenRefreshRequired"}
)
_WRONG_BYTES = frozenset({"BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch"})


@dataclass(frozen=True)
class Words:
    """How messages speak of a bucket: `what` it is, and what to do if its keys are refused or it is not there."""

    what: str
    refused: str
    missing: str


@contextmanager
def told(words: Words) -> Iterator[None]:
    """Raise HCAError for what boto3 raises in the body."""
    import boto3.exceptions
    from botocore import exceptions

    try:
        yield
    except HCAError:
        raise  # some are ValueErrors, too
    except exceptions.ClientError as error:
        raise refusal(error, words) from error
    except (exceptions.BotoCoreError, boto3.exceptions.Boto3Error, ValueError) as error:
        raise _failure(error, words) from error


def refusal(error: Any, words: Words) -> HCAError:
    """Return the error for an answer of S3."""
    code = one_line(str(error.response.get("Error", {}).get("Code", "")))
    message = one_line(str(error.response.get("Error", {}).get("Message", "")))[:200]
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    said = f"{code}: {message}" if message and message != code else code
    if code == "NoSuchBucket" or (status == 404 and error.operation_name == "HeadBucket"):
        return NotFoundError(f"there is no {words.what}", hint=words.missing)
    where = f"S3 ({error.operation_name} in the {words.what})"
    # The answer to HEAD has no body: 400 is all that it says of keys that have expired.
    if status in (401, 403) or code in BAD_KEYS or (status == 400 and error.operation_name.startswith("Head")):
        return LoginError(f"{where} refuses these keys ({said})", words.refused)
    if status == 412:
        return HCAError("it changed while it was being sent")
    if status == 404:
        return NotFoundError(f"{where} does not have it ({said})")
    if code in _WRONG_BYTES:
        return IntegrityError(f"{where} got other bytes than were sent ({said})")
    if status in (408, 429) or status >= 500 or code == "RequestTimeout":
        return NetworkError(f"{where} gave up ({said})")
    hint = "send without transfer acceleration" if "Acceleration" in message else None
    return HCAError(f"{where} refuses the request ({said}, HTTP {status})", hint)


def _failure(error: Exception, words: Words) -> HCAError:
    """Return the error for what boto3 could not even ask, or got no answer to."""
    from botocore import exceptions

    text = one_line(str(error)).rstrip(".")
    if isinstance(error, (exceptions.NoRegionError, exceptions.InvalidRegionError)):
        return ConfigError(f"S3 can't be asked: {text}", hint="set AWS_DEFAULT_REGION, or region in ~/.aws/config")
    keys = (
        exceptions.NoCredentialsError,
        exceptions.PartialCredentialsError,
        exceptions.CredentialRetrievalError,
        exceptions.UnauthorizedSSOTokenError,
        exceptions.TokenRetrievalError,
        exceptions.SSOTokenLoadError,
    )
    if isinstance(error, keys):
        return LoginError(f"the keys for the {words.what} can't be had: {text}", "aws configure, or aws sso login")
    broken = (exceptions.HTTPClientError, exceptions.ConnectionError, exceptions.IncompleteReadError)
    if isinstance(error, broken):
        hint = "check the network, and AWS_ENDPOINT_URL_S3 if it is set"
        return NetworkError(f"S3 can't be reached: {text}", hint)
    return ConfigError(f"S3 can't be asked: {text}", hint="check ~/.aws/config and the AWS_ variables")
