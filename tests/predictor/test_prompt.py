"""Reading the fields of a request, valid or not."""

from hypothesis import given
from hypothesis import strategies as st

from predictor import Prompt
from predictor.prompt import HEAD_CHARS, TAIL_CHARS

FIELDS = ["model", "messages", "prompt", "input", "instructions", "system", "max_tokens", "tools"]
FIELDS += ["max_completion_tokens", "temperature", "tool_choice", "parallel_tool_calls", "thinking"]
FIELDS += ["response_format", "text", "guided_json", "guided_choice", "guided_regex", "reasoning"]
FIELDS += ["structured_outputs", "chat_template_kwargs", "thinking_token_budget", "output_format"]
NAMES = [
    "role",
    "content",
    "text",
    "type",
    "function",
    "arguments",
    "tool_calls",
    "output",
    "input",
]
NAMES += ["effort", "enabled", "enable_thinking", "choice", "regex", "json", "schema", "properties"]
WORDS = ["user", "assistant", "tool", "tool_result", "tool_use", "high", "disabled", "none"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4)


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
    assert prompt == Prompt(
        "m",
        "Second",
        50,
        0.5,
        system="Be brief.",
        turns=2,
        chars=26,
        previous_chars=6,
        last_chars=6,
        first_chars=5,
    )


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


@given(st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=6))
def test_no_request_raises(body: dict[str, object]) -> None:
    prompt = Prompt.from_request(body)
    assert prompt.max_tokens is None or prompt.max_tokens >= 1
    assert prompt.reasoning is None or 0 <= prompt.reasoning <= 1
    assert min(prompt.chars, prompt.tools, prompt.tool_chars, prompt.schema_fields) >= 0


@given(st.lists(OBJECTS, max_size=5))
def test_no_conversation_raises_an_error(messages: list[object]) -> None:
    prompt = Prompt.from_request({"model": "m", "messages": messages})
    assert prompt.chars >= max(prompt.previous_chars, prompt.last_chars, prompt.first_chars)
