"""`hca dss post-bundles-checkout --wait`: the end of a checkout is waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hca.dss import DSSClient
from hca_core.errors import ExitStatus, NetworkError
from hca_dss import waiting

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_core.testing import LoopbackService, Outcome

UUID = "00000000-0000-4000-8000-000000000001"
WORDS = ("dss", "post-bundles-checkout", "--uuid", UUID, "--replica", "aws")


@pytest.fixture
def job(dss: LoopbackService, monkeypatch: pytest.MonkeyPatch) -> LoopbackService:
    """A DSS that begins checkouts with the id `j/1`; how they go on is to be scripted."""
    monkeypatch.setattr(waiting, "_FIRST", 0.01)
    dss.on("POST", f"/v1/bundles/{UUID}/checkout").reply(json={"checkout_job_id": "j/1"})
    return dss


def states(dss: LoopbackService, *documents: dict[str, str]) -> None:
    for document in documents:
        dss.on("GET", "/v1/bundles/checkout/j%2F1").reply(json=document)


RUNNING = {"status": "RUNNING"}
DONE = {"status": "SUCCEEDED", "location": "s3://b/bundles/u.v"}


def test_without_waiting_the_job_is_shown(job: LoopbackService, hca: Callable[..., Outcome]) -> None:
    assert hca(*WORDS).json() == {"checkout_job_id": "j/1"}
    assert not job.asked("GET", "/v1/bundles/checkout/j%2F1")


def test_the_end_is_waited_for(job: LoopbackService, hca: Callable[..., Outcome]) -> None:
    states(job, RUNNING, RUNNING, DONE)
    outcome = hca(*WORDS, "--wait", "--destination", "mine", "--email", "me@example.org", "--version", "v")
    assert outcome.json() == {"checkout_job_id": "j/1", **DONE}
    asked = job.asked("POST")[0]
    assert asked.json() == {"destination": "mine", "email": "me@example.org"}
    assert dict(asked.query) == {"replica": "aws", "version": "v"}
    assert len(job.asked("GET", "/v1/bundles/checkout/j%2F1")) == 3
    assert hca(*WORDS, "--wait", "--query", "location", "--output", "json").json() == DONE["location"]


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ({"status": "FAILED", "cause": "no such bucket (FAILED)"}, "ended with FAILED: no such bucket (FAILED)"),
        ({"status": "FAILED"}, "ended with FAILED: the service does not say why"),
        ({}, "ended with None"),
    ],
)
def test_a_failure_is_told(
    job: LoopbackService, hca: Callable[..., Outcome], state: dict[str, str], sentence: str
) -> None:
    states(job, RUNNING, state)
    outcome = hca(*WORDS, "--wait")
    assert (outcome.exit_status, outcome.stdout) == (ExitStatus.ERROR, "")
    assert sentence in outcome.stderr


def test_in_python(job: LoopbackService) -> None:
    states(job, RUNNING, DONE)
    assert DSSClient().checkout(UUID, "aws")["location"] == DONE["location"]


def test_patience_ends(job: LoopbackService) -> None:
    states(job, RUNNING)
    with pytest.raises(NetworkError, match=r"j/1 is not done after 0.05 s") as caught:
        DSSClient().checkout(UUID, "aws", timeout_seconds=0.05)
    assert caught.value.hint == "hca dss get-bundles-checkout --replica aws --checkout-job-id j/1"


def test_the_options_of_the_api_are_still_there(hca: Callable[..., Outcome]) -> None:
    told = hca("dss", "post-bundles-checkout", "--help").stdout
    assert [
        one
        for one in ("--uuid", "--replica", "--version", "--destination", "--email", "--query", "--wait")
        if one not in told
    ] == []
    assert "post-bundles-checkout" in hca("dss", "--help").stdout


def test_waits_grow() -> None:
    waits = waiting.waits()
    taken = [round(next(waits), 3) for _ in range(12)]
    assert taken[:4] == [1.0, 1.618, 2.618, 4.236]
    assert taken[-1] == 60.0
