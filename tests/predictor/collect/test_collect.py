"""`lengthwise collect` against real servers: what is asked, kept, continued and refused."""

import argparse
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from aiohttp import web

from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from predictor.collect.client import Retry
from predictor.collect.command import add_collect_arguments
from predictor.collect.run import run
from predictor.data import sources
from tests.predictor.collect.server import answered, serving

IMPATIENT = Retry(attempts=4, first_s=0.001)
SELF = "import sys; from tests.predictor.collect.test_collect import main; sys.exit(main())"


def main() -> int:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background ignore it
    return collect(*sys.argv[1:])


def collect(*args: object) -> int:
    parser = argparse.ArgumentParser()
    add_collect_arguments(parser)
    return run(parser.parse_args([str(arg) for arg in args]), retry=IMPATIENT)


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    file = tmp_path / "prompts.jsonl"
    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Who is Bach?"}]
    rows: list[dict[str, Any]] = [
        {"prompt": "What is tea?", "id": "tea", "dataset": "drinks"},
        {"messages": chat, "split": "train"},
        {"prompt": "List ten rivers."},
    ]
    file.write_text("\n".join(json.dumps(row) for row in rows))
    return file


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmbeddedEmulator]:
    with EmbeddedEmulator(EmulatorConfig(speed=2000)) as running:
        yield running


def rows(out: Path, name: str = "lengths") -> list[dict[str, Any]]:
    table: list[dict[str, Any]] = pq.read_table(out / f"{name}_collected.parquet").to_pylist()
    lines = (out / f"{name}_collected.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == table
    return table


def test_an_emulated_model_is_collected_and_can_be_read_for_training(
    emulator: EmbeddedEmulator, prompts: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    asked = ("--url", emulator.url, "--model", "emulated", "--prompts", prompts, "--out", out)
    assert collect(*asked, "--samples", 5, "--max-tokens", 200, "--temperature", 1) == 0
    found = rows(out)
    assert len(found) == 3 * 5
    assert {row["sample_idx"] for row in found} == set(range(5))
    assert len({row["response_tokens"] for row in found}) > 5  # seeds differ
    for row in found:
        assert row["capped"] == (row["finish_reason"] == "length")
        assert row["capped"] == (row["response_tokens"] == 200)
        assert row["input_tokens_native"] > 0
        assert (row["temperature"], row["top_p"], row["max_tokens"]) == (1.0, None, 200)
    assert any(row["capped"] for row in found)
    assert not all(row["capped"] for row in found)
    records = sources.read(out)
    assert records.texts == ["What is tea?", "Who is Bach?", "List ten rivers."]
    assert records.corpus.tolist() == ["drinks", "prompts", "prompts"]
    assert records.validate.tolist() == [True, False, True]
    assert records.models == ["emulated"]
    assert records.tokens.tolist() == [row["response_tokens"] for row in found]
    assert records.censored.tolist() == [row["capped"] for row in found]


def test_settings_that_are_not_given_are_not_sent_and_seeds_are_distinct(
    prompts: Path, tmp_path: Path
) -> None:
    with serving(lambda body, number: answered(5)) as server:
        args = ("--url", server.url + "/v1", "--model", "m", "--prompts", prompts)
        assert collect(*args, "--out", tmp_path / "a", "--samples", 3, "--top-p", 0.9) == 0
    assert len({body["seed"] for body in server.bodies}) == 9
    for body in server.bodies:
        assert set(body) == {"model", "messages", "max_tokens", "stream", "seed", "top_p"}
    assert server.keys == [None] * 9


def test_a_failed_request_is_repeated_unchanged(
    prompts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def script(body: dict[str, Any], number: int) -> web.Response:
        if number in (0, 1, 4):
            status = {0: 429, 1: 503, 4: 500}[number]
            return web.json_response({"error": {"message": "busy"}}, status=status)
        return answered(5)

    with serving(script) as server:
        args = ("--url", server.url, "--model", "m", "--prompts", prompts, "--concurrency", 1)
        assert collect(*args, "--out", tmp_path / "a", "--samples", 1) == 0
    assert server.bodies[0] == server.bodies[1] == server.bodies[2]
    assert len(rows(tmp_path / "a")) == 3
    assert "status 429: busy; again in" in capsys.readouterr().err


def test_a_server_that_fails_for_good_ends_the_run_and_the_samples_stay(
    prompts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def script(body: dict[str, Any], number: int) -> web.Response:
        return answered(5) if number < 2 else web.Response(status=502, text="<html>bad</html>")

    with serving(script) as server:
        args = ("--url", server.url, "--model", "m", "--prompts", prompts, "--concurrency", 1)
        assert collect(*args, "--out", tmp_path / "a", "--samples", 1) == 2
    message = capsys.readouterr().err
    assert "in 4 attempts, the last: status 502: <html>bad</html>" in message
    assert len((tmp_path / "a/journal.jsonl").read_text().splitlines()) == 1 + 2


def test_a_refusal_ends_the_run_with_the_servers_message_and_without_the_key(
    prompts: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-very-secret")

    def script(body: dict[str, Any], number: int) -> web.Response:
        said = {"error": {"message": "wrong key sk-very-secret"}}
        return web.json_response(said, status=401)

    with serving(script) as server:
        args = ("--url", server.url, "--model", "m", "--prompts", prompts, "--skip-refused")
        assert collect(*args, "--out", tmp_path / "a", "--api-key-env", "MY_KEY") == 2
    assert set(server.keys) == {"Bearer sk-very-secret"}
    captured = capsys.readouterr()
    assert "status 401: wrong key ***" in captured.err
    kept = b"".join(file.read_bytes() for file in (tmp_path / "a").iterdir())
    assert b"secret" not in kept + captured.err.encode() + captured.out.encode()


def test_a_limit_above_the_servers_names_the_flag_to_lower(
    prompts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refusal = {"error": {"message": "max_tokens=15000 cannot be greater than 8192"}}
    with serving(lambda body, number: web.json_response(refusal, status=400)) as server:
        args = ("--url", server.url, "--model", "m", "--prompts", prompts, "--out", tmp_path / "a")
        assert collect(*args, "--samples", 1) == 2
    assert "greater than 8192; give a smaller --max-tokens" in capsys.readouterr().err


def test_prompts_that_the_server_refuses_are_left_out_if_asked(
    prompts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def script(body: dict[str, Any], number: int) -> web.Response:
        if "rivers" in body["messages"][-1]["content"]:
            return web.json_response({"message": "too long for the context"}, status=400)
        return answered(5)

    with serving(script) as server:
        args = ("--url", server.url, "--model", "m", "--prompts", prompts, "--out", tmp_path / "a")
        assert collect(*args, "--samples", 2) == 2
        assert "too long for the context; --skip-refused" in capsys.readouterr().err
        assert collect(*args, "--samples", 2, "--skip-refused") == 0
        assert [row["prompt"] for row in rows(tmp_path / "a", "prompts")] == [
            "What is tea?",
            "Who is Bach?",
        ]
        before = len(server.bodies)
        assert collect(*args, "--samples", 2, "--skip-refused") == 0
        assert len(server.bodies) == before


def test_only_a_line_torn_by_a_crash_is_sampled_again(prompts: Path, tmp_path: Path) -> None:
    out = tmp_path / "a"
    with serving(lambda body, number: answered(10 + number)) as server:
        args = ("--url", server.url, "--model", "m", "--prompts", prompts, "--out", out)
        assert collect(*args, "--samples", 2) == 0
        journal = out / "journal.jsonl"
        journal.write_bytes(journal.read_bytes()[:-9])
        assert collect(*args, "--samples", 2) == 0
        assert len(server.bodies) == 6 + 1
        assert server.bodies[-1] in server.bodies[:6]
    assert len(rows(out)) == 6


def test_more_samples_and_more_prompts_continue_a_collection(prompts: Path, tmp_path: Path) -> None:
    with serving(lambda body, number: answered(5)) as server:
        args = ("--url", server.url, "--model", "m", "--prompts", prompts, "--out", tmp_path / "a")
        assert collect(*args, "--samples", 2) == 0
        with prompts.open("a") as more:
            more.write('\n{"prompt": "One more?"}')
        assert collect(*args, "--samples", 3) == 0
        assert len(server.bodies) == 4 * 3
    assert len(rows(tmp_path / "a")) == 4 * 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--model", "other"], "was begun with --model m, now it is other"),
        (["--max-tokens", "9"], "was begun with --max-tokens 15000, now it is 9"),
        (["--temperature", "0.5"], "was begun with --temperature None, now it is 0.5"),
    ],
)
def test_a_changed_setting_is_refused(
    prompts: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: list[str],
    message: str,
) -> None:
    with serving(lambda body, number: answered(5)) as server:
        args = ("--url", server.url, "--model", "m", "--prompts", prompts, "--out", tmp_path / "a")
        assert collect(*args, "--samples", 1) == 0
        assert collect(*args, "--samples", 2, *change) == 2
        assert len(server.bodies) == 3
    assert message in capsys.readouterr().err


def test_a_changed_prompt_is_refused(
    prompts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(lambda body, number: answered(5)) as server:
        args = ("--url", server.url, "--model", "m", "--prompts", prompts, "--out", tmp_path / "a")
        assert collect(*args, "--samples", 1) == 0
        prompts.write_text(prompts.read_text().replace("What is tea?", "What is coffee?"))
        assert collect(*args, "--samples", 1) == 2
    assert "samples of prompt 'tea', which is changed since" in capsys.readouterr().err


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_killed_or_interrupted_goes_on_where_it_stopped(
    prompts: Path, tmp_path: Path, how: signal.Signals
) -> None:
    some = threading.Event()

    def script(body: dict[str, Any], number: int) -> web.Response:
        if number == 40:
            some.set()
        return answered(5 + number % 7)

    with serving(script) as server:
        args = ("--url", server.url, "--model", "m", "--prompts", prompts, "--out", tmp_path / "a")
        many = [str(arg) for arg in (*args, "--samples", 2000, "--concurrency", 4)]
        root = Path(__file__).parents[3]
        other = subprocess.Popen(
            [sys.executable, "-c", SELF, *many], cwd=root, stderr=subprocess.PIPE, text=True
        )
        assert some.wait(60)
        other.send_signal(how)
        _, said = other.communicate(timeout=60)
        before = len(server.bodies)
        assert before < 6000
        if how == signal.SIGINT:
            assert other.returncode == 130
            assert said.endswith("stopped; run the same command again to continue\n")
            assert "Traceback" not in said
        kept = len((tmp_path / "a/journal.jsonl").read_text().splitlines()) - 1
        assert before - 4 <= kept <= before
        assert not (tmp_path / "a/lengths_collected.parquet").exists()
        assert collect(*args, "--samples", 100) == 0
        assert len(server.bodies) - before <= 300
    assert len(rows(tmp_path / "a")) >= 300


def test_two_runs_do_not_write_one_journal(
    prompts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a"
    other: list[int] = []

    def script(body: dict[str, Any], number: int) -> web.Response:
        if number == 0:
            again = [sys.executable, "-c", SELF, *(str(arg) for arg in args)]
            root = Path(__file__).parents[3]
            other.append(subprocess.run(again, cwd=root, check=False).returncode)
        return answered(5)

    with serving(script) as server:
        args = ("--url", server.url, "--model", "m", "--prompts", prompts, "--out", out)
        assert collect(*args, "--samples", 1) == 0
    assert other == [2]
    assert len(server.bodies) == 3


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--url", "ftp://x"], "--url 'ftp://x': give an address such as"),
        (["--url", "http://127.0.0.1:1"], "nothing answers at http://127.0.0.1:1"),
        (["--samples", "0"], "--samples 0: give more than 0"),
        (["--temperature", "3"], "--temperature 3.0: give 0 to 2"),
        (["--api-key-env", "NOT_THERE"], "--api-key-env NOT_THERE: that environment variable"),
        (["--prompts", "nowhere"], "nowhere is not a file"),
    ],
)
def test_a_bad_argument_is_named(
    prompts: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    extra: list[str],
    message: str,
) -> None:
    args = ("--url", "http://127.0.0.1:1", "--model", "m", "--prompts", prompts)
    assert collect(*args, "--out", tmp_path / "a", *extra) == 2
    assert message in capsys.readouterr().err


def test_a_server_that_reports_no_usage_is_refused(
    prompts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(lambda body, number: web.json_response({"choices": [{}]})) as server:
        args = ("--url", server.url, "--model", "m", "--prompts", prompts)
        assert collect(*args, "--out", tmp_path / "a") == 2
    assert "without choices and usage.completion_tokens" in capsys.readouterr().err


def test_an_answer_without_a_finish_reason_is_cut_if_it_has_all_tokens(
    prompts: Path, tmp_path: Path
) -> None:
    with serving(lambda body, number: answered(20 if number else 19, None)) as server:
        args = ("--url", server.url, "--model", "m", "--prompts", prompts, "--concurrency", 1)
        assert collect(*args, "--out", tmp_path / "a", "--samples", 1, "--max-tokens", 20) == 0
    assert [row["capped"] for row in rows(tmp_path / "a")] == [False, True, True]


def test_an_endless_answer_marks_all_answers_to_its_prompt_as_degenerate(
    prompts: Path, tmp_path: Path
) -> None:
    def script(body: dict[str, Any], number: int) -> web.Response:
        if body["messages"][0]["content"] == "What is tea?" and number == 0:
            return answered(15_000, "length")
        return answered(12)

    with serving(script) as server:
        args = ("--url", server.url, "--model", "m", "--prompts", prompts, "--concurrency", 1)
        assert collect(*args, "--out", tmp_path / "a", "--samples", 3) == 0
    found = rows(tmp_path / "a")
    assert [row["degenerate"] for row in found] == [True] * 3 + [False] * 6
    assert [row["capped"] for row in found] == [True] + [False] * 8
    assert sources.read(tmp_path / "a").censored.sum() == 1


def test_prompts_in_castillos_schema_keep_their_names(
    castillo_data: Path, tmp_path: Path, emulator: EmbeddedEmulator
) -> None:
    few = pq.read_table(castillo_data / "prompts_castillo.parquet").slice(0, 3)
    pq.write_table(few, tmp_path / "few.parquet")
    args = ("--url", emulator.url, "--model", "emulated", "--prompts", tmp_path / "few.parquet")
    assert collect(*args, "--out", tmp_path / "a", "--samples", 1, "--max-tokens", 9) == 0
    found = rows(tmp_path / "a", "prompts")
    for name in ("prompt_id", "dataset", "split", "prompt"):
        assert [row[name] for row in found] == few[name].to_pylist()
    assert np.all(sources.read(tmp_path / "a").tokens <= 9)
