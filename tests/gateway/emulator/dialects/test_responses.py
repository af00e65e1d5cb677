"""The Responses API of the emulated worker, read by the OpenAI SDK."""

from __future__ import annotations

import time

import pytest
from openai import BadRequestError, NotFoundError, OpenAI
from openai.types.responses import Response, ResponseOutputMessage

from gateway.emulator import EmbeddedEmulator
from tests.gateway.emulator.workers import SLOW, fixed


def test_a_response_has_the_forced_length_and_its_usage(client: OpenAI) -> None:
    answer = client.responses.create(
        model="emulated", input="12345678", instructions="1234", extra_body=fixed(37)
    )
    assert answer.status == "completed"
    assert answer.usage is not None
    assert answer.usage.output_tokens == 37
    assert answer.usage.input_tokens == 2 + 1 + 2 * 4 + 4, "two messages and their template"
    assert answer.usage.total_tokens == answer.usage.input_tokens + 37
    (item,) = answer.output
    assert isinstance(item, ResponseOutputMessage)
    assert answer.output_text


def test_a_limit_makes_a_response_incomplete(client: OpenAI) -> None:
    answer = client.responses.create(
        model="emulated", input="x", max_output_tokens=5, extra_body=fixed(37)
    )
    assert answer.status == "incomplete"
    assert answer.incomplete_details is not None
    assert answer.incomplete_details.reason == "max_output_tokens"
    assert answer.usage is not None
    assert answer.usage.output_tokens == 5


def test_the_events_of_a_stream_are_numbered_and_add_up_to_the_response(client: OpenAI) -> None:
    whole = client.responses.create(model="emulated", input="x", temperature=0)
    with client.responses.stream(model="emulated", input="x", temperature=0) as stream:
        events = list(stream)
        final = stream.get_final_response()
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[0].type == "response.created"
    assert events[-1].type == "response.completed"
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == final.output_text == whole.output_text
    assert final.usage == whole.usage


def ask(client: OpenAI, **fields: object) -> Response:
    return client.responses.create(
        model="emulated", input="hello", extra_body={**fixed(20), **fields}
    )


def test_the_next_response_reads_the_stored_one(client: OpenAI) -> None:
    first = ask(client)
    again = client.responses.retrieve(first.id)
    assert again == first
    second = ask(client, previous_response_id=first.id)
    assert first.usage is not None
    assert second.usage is not None
    # The answer, in tokens of the prompt, is about as long as it was in tokens of the answer.
    more = second.usage.input_tokens - first.usage.input_tokens - (2 + 2 * 4)
    assert 10 <= more <= 40
    third = ask(client, previous_response_id=second.id)
    assert third.usage is not None
    assert third.usage.input_tokens > second.usage.input_tokens


def test_what_is_deleted_or_not_stored_is_not_found(client: OpenAI) -> None:
    kept, other = ask(client), ask(client, store=False)
    with pytest.raises(BadRequestError, match="Cannot cancel a synchronous response"):
        client.responses.cancel(kept.id)
    client.responses.delete(kept.id)
    for gone in (kept, other):
        with pytest.raises(NotFoundError, match=f"Response with id '{gone.id}' not found"):
            client.responses.retrieve(gone.id)
        with pytest.raises(NotFoundError):
            ask(client, previous_response_id=gone.id)


def test_items_of_all_kinds_are_read_and_others_refused(client: OpenAI) -> None:
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "12345678"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": []},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "1234"},
    ]
    answer = client.responses.create(model="emulated", input=items, extra_body=fixed(2))  # type: ignore[arg-type]
    assert answer.usage is not None
    call = len('{"name": "f", "arguments": "{}"}')
    assert answer.usage.input_tokens == 2 + 0 + -(-call // 4) + 1 + 4 * 4 + 4
    with pytest.raises(BadRequestError, match="item_reference"):
        client.responses.create(model="emulated", input=[{"type": "item_reference", "id": "x"}])


def test_a_response_in_the_background_is_fetched_when_it_is_ready(client: OpenAI) -> None:
    queued = ask(client, background=True)
    assert queued.status == "queued"
    assert queued.output == []
    ready = queued
    deadline = time.monotonic() + 20
    while ready.status == "queued" and time.monotonic() < deadline:
        ready = client.responses.retrieve(queued.id)
    assert ready.status == "completed"
    assert ready.output_text
    with pytest.raises(BadRequestError, match="Cannot cancel a synchronous response"):
        client.responses.cancel(queued.id)


def test_a_cancelled_response_leaves_the_engine() -> None:
    with EmbeddedEmulator(SLOW) as emulator:
        with OpenAI(base_url=emulator.url + "/v1", api_key="none", max_retries=0) as client:
            queued = ask(client, background=True, **fixed(1000))
            cancelled = client.responses.cancel(queued.id)
            assert cancelled.status == client.responses.retrieve(queued.id).status == "cancelled"
            deadline = time.monotonic() + 20
            while emulator.engine.running + emulator.engine.waiting:
                assert time.monotonic() < deadline
        assert emulator.engine.kv_usage == 0


@pytest.mark.parametrize("fields", [{"store": False}, {"stream": True}])
def test_a_background_that_is_not_followed_is_refused(
    client: OpenAI, fields: dict[str, object]
) -> None:
    with pytest.raises(BadRequestError) as refused:
        ask(client, background=True, **fields)
    assert refused.value.param == "background"
