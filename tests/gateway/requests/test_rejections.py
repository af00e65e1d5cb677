"""The error for each reason of the scheduler to reject a job."""

from __future__ import annotations

from typing import get_args

import pytest

from gateway.config.settings import Config
from gateway.requests.rejections import not_served, rejection
from scheduler.actions import Reason

CONFIG = Config.model_validate(
    {
        "queue": {"max_waiting": 80, "timeout_s": 7},
        "tenants": {"fair": True, "max_waiting": 20},
        "health": {"interval_s": 3},
    }
)


@pytest.mark.parametrize(
    ("reason", "status", "retry_after", "words"),
    [
        ("queue_full", 429, 11, "80 requests wait already (queue.max_waiting)"),
        ("tenant_queue_full", 429, 11, "20 of your requests wait already (tenants.max_waiting)"),
        ("queue_timeout", 504, 11, "No worker was free within 7 s (queue.timeout_s)"),
        ("no_healthy_worker", 503, 3, "No healthy worker serves 'm' now"),
    ],
)
def test_a_rejection_has_a_status_its_reason_as_code_and_a_time_to_come_back(
    reason: Reason, status: int, retry_after: int, words: str
) -> None:
    error = rejection(reason, "m", CONFIG, retry_after=11)
    assert (error.status, error.code, error.retry_after) == (status, reason, retry_after)
    assert words in str(error)


@pytest.mark.parametrize("reason", get_args(Reason))
def test_every_reason_has_an_error(reason: Reason) -> None:
    assert rejection(reason, "m", CONFIG, retry_after=1).code == reason


@pytest.mark.parametrize(
    ("path", "served"),
    [
        ("/chat/completions", "/v1/chat/completions"),
        ("/models", "/v1/models"),
        ("/v1/v1/messages", "/v1/messages"),
        ("/v1/v1/messages/count_tokens", "/v1/messages/count_tokens"),
    ],
)
def test_a_wrong_base_url_is_told(path: str, served: str) -> None:
    error = not_served("POST", path, ())
    assert error.status == 404
    assert f"base URL: {served} is served" in str(error)


def test_a_path_that_no_base_url_explains_is_for_the_operator() -> None:
    assert "endpoints.queued" in str(not_served("POST", "/v1/audio/speech", ()))
