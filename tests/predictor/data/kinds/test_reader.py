"""What is read from the sets beside CASTILLO: requests, lengths, licences."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from predictor.data import sources, splits
from predictor.features.reasoning import thinking
from predictor.prompt import ANSWER_ALONE
from tests.predictor.data.kinds.sets import FREE, answer, write_set


def test_sets_are_read_from_the_folder_or_its_sub_folder(small_data: Path, tmp_path: Path) -> None:
    for file in small_data.iterdir():
        (tmp_path / file.name).symlink_to(file)
    write_set(
        tmp_path / "more",
        "speechmap",
        [{"prompt_id": "a", "prompt": "Write a satire about tea."}],
        [answer("a", 700)],
    )
    alone = sources.read_all([tmp_path / "more"])
    assert (alone.texts, alone.tokens.tolist()) == (["Write a satire about tea."], [700])
    both = sources.read_all([tmp_path])
    assert len(both.tokens) == len(sources.read_all([small_data]).tokens) + 1
    assert set(both.corpus) > {"speechmap", "Alpaca"}


def test_an_empty_answer_is_no_answer(tmp_path: Path) -> None:
    prompts = [{"prompt_id": "a", "prompt": "Hi"}]
    write_set(tmp_path, "just_eval_chat", prompts, [answer("a", 0), answer("a", 9)])
    assert sources.read_all([tmp_path]).tokens.tolist() == [9]


def test_counts_of_another_tokenizer_become_the_models_own(tmp_path: Path) -> None:
    lengths = [answer("a", 100, language="zh", native=native) for native in (True, False)]
    write_set(tmp_path, "speechmap", [{"prompt_id": "a", "prompt": "茶"}], lengths)
    assert sources.read_all([tmp_path]).tokens.tolist() == [100, 53]


def test_a_finish_for_length_and_a_stated_limit_censor(tmp_path: Path) -> None:
    prompts = [{"prompt_id": "a", "prompt": "What?"}]
    ends = [answer("a", 30, finish_reason="stop"), answer("a", 31, finish_reason="length")]
    write_set(tmp_path, "reasoning_puzzles", prompts, ends)
    assert sources.read_all([tmp_path]).censored.tolist() == [False, True]
    steps = {"last_message": "", "prev_tokens": -1, "context_tokens": 9, "last_message_tokens": 9}
    limit = [answer("a", 90, traj="1", **steps), answer("a", 512, traj="2", **steps)]
    write_set(tmp_path / "other", "mint_agents", prompts, limit)
    assert sources.read_all([tmp_path / "other"]).censored.tolist() == [False, True]


def test_a_step_of_an_agent_is_a_request_of_its_own(tmp_path: Path) -> None:
    prompts = [{"prompt_id": "a", "prompt": "Manual.\n\n---\n\nTask:\nFind the mug."}]
    first = answer("a", 60, traj="1", turn=1, prev_tokens=-1, context_tokens=10, last_message="")
    first |= {"last_message_tokens": 10}
    third = first | {"turn": 3, "prev_tokens": 40, "context_tokens": 500, "last_message": "Done?"}
    write_set(tmp_path, "mint_agents", prompts, [first, third])
    records = sources.read_all([tmp_path])
    assert [prompt.turns for prompt in records.prompts] == [1, 3]
    assert [prompt.chars for prompt in records.prompts] == [40, 2000]
    assert [prompt.previous_chars for prompt in records.prompts] == [0, 160]
    assert records.texts[1] == "Done?"
    assert records.group[0] == records.group[1]


def test_tools_are_offered_or_described(tmp_path: Path) -> None:
    body = {"messages": [{"role": "user", "content": "Rain?"}], "tools": [{"name": "weather"}]}
    prompts = [{"prompt_id": "a", "prompt": json.dumps(body)}]
    lengths = [answer("a", 20, function_calling=offered) for offered in (True, False)]
    write_set(tmp_path, "bfcl_tools", prompts, lengths)
    offered, described = sources.read_all([tmp_path]).prompts
    assert (offered.text, offered.tools, offered.system) == ("Rain?", 1, "")
    assert (described.text, described.tools) == ("Rain?", 0)
    assert "weather" in described.system


def test_messages_of_a_chat_count_as_turns(tmp_path: Path) -> None:
    messages = [("user", "Tea?"), ("assistant", "Yes."), ("user", "Green?")]
    chat = [{"role": role, "content": content} for role, content in messages]
    prompts = [{"prompt_id": "a", "prompt": json.dumps(chat)}]
    write_set(tmp_path, "hh_multiturn", prompts, [answer("a", 20)])
    (prompt,) = sources.read_all([tmp_path]).prompts
    assert (prompt.text, prompt.turns) == ("Green?", 2)


def test_a_mode_in_the_models_name_becomes_the_effort(tmp_path: Path) -> None:
    prompts = [{"prompt_id": "a", "prompt": "What?"}]
    rows = (("qwen3-8b-think", 900), ("qwen3-8b-nothink", 0), ("mistral-small-3", 0))
    lengths = [answer("a", 1000, model=name, reasoning_tokens=n) for name, n in rows]
    write_set(tmp_path, "reasoning_puzzles", prompts, lengths)
    records = sources.read_all([tmp_path])
    assert records.models == ["qwen3-8b", "mistral-small-3"]
    efforts = [records.prompts[at].reasoning for at in records.prompt]
    assert efforts == [1.0, ANSWER_ALONE, None]


def test_thinking_that_only_a_native_count_holds_is_found(tmp_path: Path) -> None:
    prompts = [{"prompt_id": "a", "prompt": "What?"}]
    lengths = [
        answer("a", 1000, model="deepseek/deepseek-r1", native=True, response_tokens_cl100k=visible)
        for visible in (300, 990)
    ]
    write_set(tmp_path, "speechmap", prompts, lengths)
    efforts = [prompt.reasoning for prompt in sources.read_all([tmp_path]).prompts]
    assert efforts == [1.0, ANSWER_ALONE]


def test_a_length_that_leaves_thinking_out_is_an_answers_alone(tmp_path: Path) -> None:
    """Nobody can switch the thinking of the first three models off: the set did not count it."""
    prompts = [{"prompt_id": "a", "prompt": "What?"}]
    names = ("deepseek-r1", "o3-mini", "gemini-2.5-pro-preview-05-06", "qwen3-8b", "phi-4")
    lengths = [answer("a", 1000, model=name, reasoning_tokens=0) for name in names]
    write_set(tmp_path, "reasoning_puzzles", prompts, lengths)
    records = sources.read_all([tmp_path])
    asked = [
        replace(records.prompts[at], model=name)
        for at, name in zip(records.prompt, names, strict=True)
    ]
    assert [entry.reasoning for entry in asked] == [*[ANSWER_ALONE] * 4, None]
    assert [thinking(entry) for entry in asked] == [0.0] * 5


def test_only_own_releases_with_free_prompts_are_free(tmp_path: Path) -> None:
    prompts = [
        {"prompt_id": "a", "prompt": "Tea?", "prompt_nc": False},
        {"prompt_id": "b", "prompt": "Rivers?", "prompt_nc": True},
    ]
    models = (FREE, "zephyr-7b-beta", "Qwen/Qwen2.5-72B-Instruct")
    lengths = [answer(prompt, 50, model=model) for prompt in "ab" for model in models]
    write_set(tmp_path, "just_eval_chat", prompts, lengths)
    records = sources.read_all([tmp_path])
    found = {
        (records.texts[prompt], records.models[model])
        for prompt, model, free in zip(records.prompt, records.model, records.free, strict=True)
        if free
    }
    assert found == {("Tea?", FREE)}


def test_a_set_for_evaluation_only_has_no_free_row(tmp_path: Path) -> None:
    body = {"messages": [{"role": "user", "content": "Rain?"}], "tools": []}
    prompts = [{"prompt_id": "a", "prompt": json.dumps(body)}]
    write_set(tmp_path, "bfcl_tools", prompts, [answer("a", 20, function_calling=True)])
    assert not sources.read_all([tmp_path]).free.any()


def test_fine_tunes_of_one_base_share_a_weight(tmp_path: Path) -> None:
    tunes = [f"lab/tune-{at}-llama-3.1-8b" for at in range(30)]
    lengths = [answer("a", 50, model=name) for name in (*tunes, FREE)]
    write_set(tmp_path, "shaberi_ja", [{"prompt_id": "a", "prompt": "お茶"}], lengths)
    records = sources.read_all([tmp_path])
    of_qwen = records.model == records.models.index(FREE)
    (full,) = records.weight[of_qwen].tolist()
    assert full > records.weight[~of_qwen].max()
    assert records.weight[~of_qwen].sum() <= 3 * full + 1e-9


def test_the_same_rows_are_read_every_time(tmp_path: Path) -> None:
    prompts = [{"prompt_id": f"p{at}", "prompt": f"Tell {at}"} for at in range(60)]
    lengths = [answer(f"p{at}", 50 + at, model=f"m{n}") for at in range(60) for n in range(70)]
    write_set(tmp_path / "one", "speechmap", prompts, lengths)
    write_set(tmp_path / "two", "speechmap", prompts, lengths[::-1])
    one, two = (sources.read_all([tmp_path / name]) for name in ("one", "two"))
    assert len(one.tokens) < len(lengths)
    assert sorted(one.tokens) == sorted(two.tokens)


def test_a_quarter_of_a_sets_groups_is_held_out(tmp_path: Path) -> None:
    words = ("tea", "rivers", "chess", "trains", "bread")
    prompts = [
        {"prompt_id": f"{at}", "prompt": f"Essay {at} on {words[at % 5]} in {at * 7} parts"}
        for at in range(800)
    ]
    write_set(tmp_path, "speechmap", prompts, [answer(row["prompt_id"], 50) for row in prompts])
    records = sources.read_all([tmp_path])
    out = splits.held_out(records, "0")
    assert not splits.held_out(records, "").any()
    assert 0.2 < out.mean() < 0.3
    for group in np.unique(records.group):
        assert len(set(out[records.group == group])) == 1
