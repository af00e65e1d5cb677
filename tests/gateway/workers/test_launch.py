"""Starting vLLM for the operator; the real start is in tests/vllm."""

import pytest

from gateway.workers.launch import LaunchError, api_key, vllm_server


@pytest.mark.parametrize(
    ("flags", "key"),
    [
        (["--max-num-seqs", "8"], None),
        (["--api-key", "secret", "--seed", "1"], "secret"),
        (["--api-key=secret"], "secret"),
        ([], None),
    ],
)
def test_the_gateway_knows_the_key_it_started_vllm_with(flags: list[str], key: str | None) -> None:
    assert api_key(flags) == key


async def test_without_vllm_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(LaunchError, match="pip install"):
        async with vllm_server("any/model", [], 1.0):
            pass
