"""The errors of S3."""

from __future__ import annotations


class S3Error(Exception):
    """An error as S3 tells it: a status, a code, a sentence and more elements of the error document."""

    def __init__(self, status: int, code: str, message: str, **details: object) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details


def no_such_bucket(bucket: str) -> S3Error:
    """Return the error for a bucket that isn't there."""
    return S3Error(404, "NoSuchBucket", "The specified bucket does not exist.", BucketName=bucket)


def no_such_key(key: str) -> S3Error:
    """Return the error for an object that isn't there."""
    return S3Error(404, "NoSuchKey", "The specified key does not exist.", Key=key)


def no_such_upload(upload: str) -> S3Error:
    """Return the error for a multipart upload that isn't there, or not any more."""
    message = "The specified multipart upload does not exist. It may have been aborted or completed."
    return S3Error(404, "NoSuchUpload", message, UploadId=upload)


def access_denied(message: str = "Access Denied", **details: object) -> S3Error:
    """Return the error for a request that is not allowed."""
    return S3Error(403, "AccessDenied", message, **details)


def not_implemented(what: str) -> S3Error:
    """Return the error for something that S3 has and this server has not; `what` names it."""
    return S3Error(501, "NotImplemented", f"This server does not implement {what}.")


def malformed_xml() -> S3Error:
    """Return the error for a body that is not the XML document of the operation."""
    message = "The XML you provided was not well-formed or did not validate against our published schema."
    return S3Error(400, "MalformedXML", message)


def invalid_argument(name: str, value: str, message: str) -> S3Error:
    """Return the error for the header or parameter `name` that has a wrong value."""
    return S3Error(400, "InvalidArgument", message, ArgumentName=name, ArgumentValue=value)


def invalid_request(message: str) -> S3Error:
    """Return the error for a request that contradicts itself or lacks something."""
    return S3Error(400, "InvalidRequest", message)


def precondition_failed(condition: str) -> S3Error:
    """Return the error for a condition of the request that isn't met; `condition` is its header."""
    message = "At least one of the pre-conditions you specified did not hold."
    return S3Error(412, "PreconditionFailed", message, Condition=condition)
