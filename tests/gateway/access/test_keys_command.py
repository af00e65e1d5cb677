"""`lengthwise keys`: what each action prints, writes and refuses."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from gateway.access import keys_change as change
from gateway.access.api_key import digest, new_key
from gateway.access.key_file import KeyFileError, changing, read_holders
from gateway.command_line.run import run
from gateway.config.access import Rights

SECRET_BITS = 256


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def keys(capsys: pytest.CaptureFixture[str], file: Path, *words: str) -> tuple[int, str, str]:
    """Exit code, output and error of one action."""
    code = run(["keys", *words, "--file", str(file)])
    output, error = capsys.readouterr()
    return code, output.strip(), error


def test_a_key_is_printed_once_and_kept_as_a_digest_for_the_owner_alone(
    capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    code, key, _ = keys(capsys, file, "add", "alice", "--group", "team", "--max-tokens", "9")
    assert code == 0
    assert key.startswith("lw-")
    assert len(key) >= 3 + SECRET_BITS / 6
    assert key not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    [holder] = read_holders(file).values()
    assert (holder.name, holder.group, holder.rights.max_tokens) == ("alice", "team", 9)
    assert holder.keys[0].hash == digest(key)
    _, listed, _ = keys(capsys, file, "list")
    assert key not in listed
    assert "alice" in listed
    assert "valid" in listed
    assert "own rights: max_tokens 9" in listed
    _, listed, _ = keys(capsys, file, "list", "--json")
    assert holder.keys[0].hash not in listed
    assert json.loads(listed)["group"] == "team"


def test_keys_differ() -> None:
    assert len({new_key() for _ in range(1000)}) == 1000


def test_rotation_keeps_two_keys_and_no_third(
    capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    keys(capsys, file, "add", "alice")
    code, second, _ = keys(capsys, file, "rotate", "alice", "--keep", "1h")
    first, new = read_holders(file)["alice"].keys
    assert code == 0
    assert new.hash == digest(second)
    assert first.expires == pytest.approx(time.time() + 3600, abs=60)
    assert new.expires is None
    code, output, error = keys(capsys, file, "rotate", "alice")
    assert (code, output) == (2, "")
    assert f"--id {first.id}" in error
    code, _, _ = keys(capsys, file, "revoke", "alice", "--id", first.id)
    assert code == 0
    assert keys(capsys, file, "rotate", "alice", "--keep", "0s")[0] == 0
    assert [key.state(time.time() + 1) for key in read_holders(file)["alice"].keys] == [
        *("revoked", "expired", "valid"),
    ]


def test_what_ended_long_ago_leaves_the_file_at_the_next_rotation(file: Path) -> None:
    with changing(file) as holders:
        change.add(holders, "alice", "", Rights(), None)
        old = holders["alice"].keys[0].model_copy(update={"revoked": time.time() - 100 * 86_400})
        holders["alice"] = holders["alice"].model_copy(update={"keys": (old,)})
        change.rotate(holders, "alice", time.time(), None)
    assert len(read_holders(file)["alice"].keys) == 1


def test_keys_end_when_told(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    keys(capsys, file, "add", "alice", "--expires", "2d")
    assert "1 keys end 2100-01-31 00:00Z" in keys(capsys, file, "expire", "alice", "2100-01-31")[1]
    assert "never" in keys(capsys, file, "expire", "alice", "never")[1]
    assert keys(capsys, file, "expire", "alice", "now")[0] == 0
    assert "expired" in keys(capsys, file, "list")[1]
    assert "0 valid" in keys(capsys, file, "revoke", "alice")[1]
    assert keys(capsys, file, "expire", "alice", "never")[0] == 2  # a revoked key stays revoked
    assert read_holders(file)["alice"].keys[0].state(0) == "revoked"


def test_a_holder_changes_the_group(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    keys(capsys, file, "add", "alice", "--group", "one")
    code, output, error = keys(capsys, file, "group", "alice", "two")
    assert (code, output) == (0, "alice: group two, before: one")
    assert "not known without --config" in error
    assert read_holders(file)["alice"].group == "two"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["add", "alice"], "keys rotate alice"),
        (["add", "a b"], "name"),
        (["add", "bob", "--weight", "0"], "weight"),
        (["add", "bob", "--max-tokens", "0"], "max_tokens"),
        (["add", "bob", "--expires", "soon"], "write 30d"),
        (["rotate", "bob"], "Holders: alice"),
        (["rotate", "alice", "--keep", "never"], "--keep"),
        (["revoke", "alice", "--id", "00000000"], "has no key '00000000'"),
        (["expire", "alice", "--id", "0", "now"], "has no key '0'"),
        (["group", "bob", "x"], "Holders: alice"),
    ],
)
def test_what_cannot_be_done_is_told_with_its_remedy_and_changes_nothing(
    capsys: pytest.CaptureFixture[str], file: Path, words: list[str], told: str
) -> None:
    keys(capsys, file, "add", "alice")
    before = file.read_bytes()
    code, output, error = keys(capsys, file, *words)
    assert (code, output) == (2, "")
    assert told in error
    assert error.count("\n") == 1
    assert file.read_bytes() == before


def test_a_group_that_the_configuration_lacks_is_refused(
    capsys: pytest.CaptureFixture[str], file: Path, tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("access: {groups: [{name: team}]}\n")
    known = ("--config", str(config), "--group")
    assert keys(capsys, file, "add", "alice", *known, "team")[0] == 0
    code, _, error = keys(capsys, file, "add", "bob", *known, "dev")
    assert code == 2
    assert "access.groups has no group 'dev'. It has team; add the group there first" in error
    code, _, error = keys(capsys, file, "group", "alice", "dev", "--config", str(config))
    assert (code, read_holders(file)["alice"].group) == (2, "team")
    assert "bob" not in read_holders(file)
    config.write_text("access: {groups: []}\n")
    assert (
        "no group team: the keys open nothing"
        in keys(capsys, file, "list", "--config", str(config))[1]
    )


def test_the_file_is_named_by_a_flag_the_configuration_or_the_environment(
    capsys: pytest.CaptureFixture[str], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["keys", "list"]) == 2
    assert "--file" in capsys.readouterr().err
    config = file.with_name("lengthwise.yaml")
    config.write_text(f"access:\n  keys_file: {file}\n")
    assert run(["keys", "add", "alice", "--config", str(config)]) == 0
    monkeypatch.setenv("LENGTHWISE_ACCESS_KEYS_FILE", str(file))
    assert run(["keys", "list"]) == 0
    assert "alice" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "the line"),
        ('{"name": "a b"}', "name"),
        ('{"name": "a", "kyes": []}', "kyes"),
        ('{"name": "a", "keys": [{"id": "12345678", "hash": "secret"}]}', "keys.0.hash"),
        ('{"name": "a", "rights": {"weight": -1}}', "rights.weight"),
        ('{"name": "b"}\n{"name": "b"}', "twice"),
    ],
)
def test_a_wrong_line_is_named_and_not_shown(file: Path, line: str, told: str) -> None:
    file.write_text('{"name": "alice"}\n\n' + line)
    with pytest.raises(KeyFileError, match=told) as raised:
        read_holders(file)
    number = 4 if told == "twice" else 3
    assert str(raised.value).startswith(f"{file}:{number}: ")
    assert "secret" not in str(raised.value)
