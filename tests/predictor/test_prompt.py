"""Reading the fields of a request, valid or not."""

from hypothesis import given
from hypothesis import strategies as st

from predictor import Prompt
from predictor.prompt import HEAD_CHARS, TAIL_CHARS

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
FIELDS = ["model", "messages", "prompt", "max_tokens", "max_completion_tokens", "temperature"]


def test_the_last_user_message_is_the_text_and_all_characters_count() -> None:
    prompt = Prompt.from_request(
        {
            "model": "m",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "First"},
                {"role": "assistant", "content": "Answer"},
                {"role": "user", "content": [{"type": "text", "text": "Second"}, {"type": "x"}]},
            ],
            "max_tokens": 50,
            "temperature": 0.5,
        }
    )
    assert prompt == Prompt("m", "Second", 50, 0.5, system="Be brief.", turns=2, chars=26)


def test_a_completion_prompt_may_be_text_token_ids_or_a_batch() -> None:
    assert Prompt.from_request({"model": "m", "prompt": "Hi"}).text == "Hi"
    assert Prompt.from_request({"model": "m", "prompt": ["Hi", "there"]}).text == "Hi"
    assert Prompt.from_request({"model": "m", "prompt": [1, 2, 3]}).chars == 12
    assert Prompt.from_request({"model": "m", "prompt": [[1, 2], [3]]}).chars == 8


def test_the_smaller_of_two_limits_counts_and_a_nonsensical_one_does_not() -> None:
    both = {"model": "m", "prompt": "", "max_tokens": 9, "max_completion_tokens": 7}
    assert Prompt.from_request(both).max_tokens == 7
    assert Prompt.from_request(both | {"max_completion_tokens": 0}).max_tokens == 9
    assert Prompt.from_request({"prompt": "", "max_tokens": True}).max_tokens is None


def test_a_long_text_keeps_its_first_and_last_characters() -> None:
    prompt = Prompt.from_request({"prompt": "a" * 50_000 + "b" * 50_000})
    assert len(prompt.text) == HEAD_CHARS + TAIL_CHARS + 1
    assert prompt.text[0] == "a"
    assert prompt.text[-1] == "b"
    assert prompt.chars == 100_000


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_no_request_raises(body: dict[str, object]) -> None:
    prompt = Prompt.from_request(body)
    assert prompt.max_tokens is None or prompt.max_tokens >= 1


@given(st.lists(st.dictionaries(st.sampled_from(["role", "content", "text"]), JSON)))
def test_no_conversation_raises_an_error(messages: list[object]) -> None:
    Prompt.from_request({"model": "m", "messages": messages})
