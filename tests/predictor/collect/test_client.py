"""The client's endpoint and its waiting times."""

import pytest

from predictor.collect.client import Retry, endpoint


@pytest.mark.parametrize(
    "url", ["http://h:1", "http://h:1/", "http://h:1/v1/", "http://h:1/v1/chat/completions"]
)
def test_an_address_may_end_with_or_without_the_path(url: str) -> None:
    assert str(endpoint(url)) == "http://h:1/v1/chat/completions"


def test_waiting_doubles_up_to_a_bound_or_follows_retry_after() -> None:
    retry = Retry()
    for attempt, most in ((0, 1), (3, 8), (9, 60)):
        assert most / 2 <= retry.delay(attempt, None) <= most
    assert retry.delay(0, "7") == 7
    assert retry.delay(0, "9999") == 60
