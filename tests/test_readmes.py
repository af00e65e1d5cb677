"""What the READMEs say is there: files, links, commands, flags, error codes, the first example."""

from __future__ import annotations

import argparse
import asyncio
import re
import shlex
from collections.abc import Iterator
from contextlib import redirect_stdout
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from gateway.command_line.commands import COMMANDS
from gateway.config.settings import Config
from gateway.emulator import EmbeddedEmulator, EmulatorConfig
from gateway.remote_scheduler.address import ADDRESS, AUTHORITY, FRONT, TOKEN
from scheduler.actions import Reason
from tests.deploy.dashboard_file import dashboards, panels
from tests.deploy.metric_names import metric_names
from tests.gateway.harness import gateway

ROOT = Path(__file__).parent.parent
FOLDERS = (".", ".github", "deploy", "gateway", "predictor", "scheduler", "tests")
READMES = sorted(file for folder in FOLDERS for file in (ROOT / folder).glob("*.md"))
README = ROOT / "README.md"

COMMANDS_OF_THE_README = (
    "python3 -m venv .venv && .venv/bin/pip install -q . && .venv/bin/lengthwise serve",
    "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/python -m pytest",
)

_MULTILINE = re.DOTALL | re.MULTILINE
_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```", _MULTILINE)
_SPAN = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_PATH = re.compile(r"[\w.-]+(/[\w.-]+)*(/|\.(py|md|ya?ml|json|toml|txt|npz|png|onnx|gz|sh))")
_MODULE = re.compile(r"python3? -m ((?:tests|predictor|gateway|scheduler)[\w.]*)((?: +[^`\n]+)?)")
_FLAG = re.compile(r"(?<![\w-])--[a-z][\w-]*")
_ITALICS = re.compile(r"(?<![*\w])\*([A-Z][^*\n|]+)\*(?!\*)")
_SECTIONS = "|".join(name for name in Config.model_fields if name != "workers")
_SETTING = re.compile(rf"(?<![\w./])({_SECTIONS})\.(?!py\b|md\b|yml\b)([a-z_]+)")
_CODE = re.compile(r'code="(\w+)"')

OTHER_VARIABLES = {
    "LENGTHWISE_ADMIN",
    "LENGTHWISE_WORKERS",
    "LENGTHWISE_DATA",
    "LENGTHWISE_VLLM_HOME",
    *(ADDRESS, FRONT, TOKEN, AUTHORITY),
}

READMES_OF_TODAY = [file for file in READMES if file.name != "CHANGELOG.md"]
"""The change log also names what is gone."""


def _id(readme: Path) -> str:
    return str(readme.relative_to(ROOT))


every_file = pytest.mark.parametrize("readme", READMES, ids=_id)
names = pytest.mark.parametrize("readme", READMES_OF_TODAY, ids=_id)


def text_of(readme: Path) -> str:
    return readme.read_text(encoding="utf-8")


def prose(readme: Path) -> str:
    """The text without its code blocks."""
    return _BLOCK.sub("", text_of(readme))


def spans(readme: Path) -> Iterator[str]:
    """What stands between single backticks, on one line, and who takes part in a diagram."""
    yield from (" ".join(span.split()) for span in _SPAN.findall(prose(readme)))
    yield from re.findall(r"^ *participant \w+ as (\S+)$", text_of(readme), re.MULTILINE)


def commands(block: str) -> Iterator[list[str]]:
    """The words of every command of a shell block, continued lines joined."""
    for line in block.replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in (*lexer, ";"):
            if set(word) <= set("|&;<>"):
                yield words
                words = []
            else:
                words.append(word)


def calls_of_lengthwise(readme: Path) -> Iterator[list[str]]:
    """Subcommand and arguments of every call in the shell blocks."""
    for language, block in _BLOCK.findall(text_of(readme)):
        if language in ("", "sh", "bash"):
            for words in commands(block):
                called = [n for n, word in enumerate(words) if Path(word).name == "lengthwise"]
                if called and words[called[0] + 1 :]:
                    yield words[called[0] + 1 :]


def parser_of(subcommand: str) -> argparse.ArgumentParser:
    """The parser of a subcommand, as ``lengthwise`` makes it."""
    assert subcommand in COMMANDS, f"lengthwise has no subcommand {subcommand}"
    parser = argparse.ArgumentParser(prog=f"lengthwise {subcommand}")
    COMMANDS[subcommand].add_arguments(parser)
    return parser


def help_of(parser: argparse.ArgumentParser) -> str:
    """The help of a subcommand, and of its own subcommands."""
    texts = [parser.format_help()]
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            texts += map(help_of, action.choices.values())
    return "".join(texts)


def anchors(file: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a Markdown file."""
    headings = re.findall(r"^#+ (.+)$", prose(file), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}


def made_by_commands(readme: Path) -> set[str]:
    """Names that the README's own commands give to what they write."""
    flags = r"--(?:out|store|runs|log|requests|data|cost-model|model-dir|prompts)"
    return {Path(given).parts[0] for given in re.findall(rf"{flags} ([\w./-]+)", text_of(readme))}


@every_file
def test_every_relative_link_leads_somewhere(readme: Path) -> None:
    for link in _LINK.findall(text_of(readme)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = readme.parent / name if name else readme
        assert target.exists(), f"{link} is not there"
        assert not anchor or anchor in anchors(target), f"{link}: no such heading"


@names
def test_every_path_between_backticks_exists(readme: Path) -> None:
    made = made_by_commands(readme)
    for span in spans(readme):
        if not _PATH.fullmatch(span) or Path(span).parts[0] in made:
            continue
        found = [(folder / span).exists() for folder in (readme.parent, ROOT)]
        anywhere = "/" not in span and any(
            file for folder in FOLDERS[1:] for file in (ROOT / folder).rglob(span)
        )
        assert any(found) or anywhere, f"`{span}` is not there"


@names
def test_the_parser_accepts_every_command_line_of_lengthwise(
    readme: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for subcommand, *arguments in calls_of_lengthwise(readme):
        try:
            parser_of(subcommand).parse_args(arguments)
        except SystemExit:
            pytest.fail(f"lengthwise {subcommand} {arguments}: {capsys.readouterr().err}")


@names
def test_every_flag_of_lengthwise_that_the_prose_names_exists(readme: Path) -> None:
    for span in spans(readme):
        if called := re.match(r"(?:\.venv/bin/)?lengthwise ([a-z]+)(.*)", span):
            known = _FLAG.findall(help_of(parser_of(called[1])))
            unknown = set(_FLAG.findall(called[2].partition(" -- ")[0])) - set(known)
            assert not unknown, f"`{span}`: no such flag: {unknown}"


@names
def test_every_module_that_is_run_exists_and_knows_its_flags(readme: Path) -> None:
    for name, arguments in _MODULE.findall(text_of(readme).replace("\\\n", " ")):
        spec = find_spec(name)
        assert spec is not None, f"{name} is not there"
        if spec.submodule_search_locations is not None:
            spec = find_spec(f"{name}.__main__")
            assert spec is not None, f"{name} is a package without a program"
        assert spec.origin is not None
        source = Path(spec.origin).read_text(encoding="utf-8")
        for flag in _FLAG.findall(arguments.partition("#")[0]):
            assert f'"{flag}"' in source, f"{name} has no flag {flag}"


@names
def test_every_test_path_that_pytest_is_given_exists(readme: Path) -> None:
    for arguments in re.findall(r"-m pytest ([^`\n#]+)", text_of(readme)):
        for path in re.findall(r"(?:^| )(tests[\w./]*)", arguments):
            assert (ROOT / path).exists(), f"pytest {path}: not there"


@names
def test_every_setting_that_the_prose_names_exists(readme: Path) -> None:
    for span in spans(readme):
        for section, setting in _SETTING.findall(span):
            if section == "predictor" and find_spec(f"predictor.{setting}"):
                continue  # a module of the package
            model = Config.model_fields[section].annotation
            assert isinstance(model, type)
            assert issubclass(model, BaseModel)
            assert setting in model.model_fields, f"`{span}`: no setting {section}.{setting}"


@names
def test_every_variable_of_the_environment_is_a_setting(readme: Path) -> None:
    settings = {
        f"LENGTHWISE_{section}_{setting}".upper()
        for section, field in Config.model_fields.items()
        for setting in getattr(field.annotation, "model_fields", ())
    }
    known = settings | OTHER_VARIABLES
    assert set(re.findall(r"\bLENGTHWISE_\w+", text_of(readme))) <= known


@names
def test_every_metric_that_the_prose_names_exists(readme: Path, tmp_path: Path) -> None:
    known = metric_names(tmp_path)
    for name in re.findall(r"`(lengthwise_\w+)", text_of(readme)):
        assert re.sub(r"_(total|bucket|sum|count)$", "", name) in known, f"no metric {name}"


@names
def test_every_panel_that_the_prose_names_is_on_the_dashboard(readme: Path) -> None:
    titles = {panel["title"] for panel in panels()} | {
        board["title"].removeprefix("Lengthwise: ") for board in dashboards()
    }
    for title in _ITALICS.findall(prose(readme)):
        assert title in titles, f"*{title}* is no panel"


def test_the_readme_has_fewer_than_900_words() -> None:
    assert len(text_of(README).split()) < 900


@pytest.mark.parametrize("command", COMMANDS_OF_THE_README)
def test_the_first_30_lines_of_the_readme_hold_its_two_commands(command: str) -> None:
    assert command in text_of(README).splitlines()[:30]


def test_the_figures_of_the_burst_are_those_that_the_benchmark_wrote() -> None:
    written = text_of(ROOT / "tests" / "bench" / "results" / "burst.md")
    table = [line for line in written.splitlines() if line.startswith("|")]
    assert set(table) <= set(text_of(ROOT / "gateway" / "RESULTS.md").splitlines())
    [shown] = re.findall(r"^\| mean latency per output token.*?\n\n", text_of(README), _MULTILINE)
    assert _numbers(shown) <= _numbers("\n".join(table))


def _numbers(text: str) -> set[str]:
    return set(re.findall(r"\d+(?:\.\d+)*", text.replace("..", " ")))


@pytest.mark.parametrize("file", ["README.md", "gateway/README.md", "deploy/RUNBOOK.md"])
def test_every_error_code_is_explained(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    assert [code for code in sorted(error_codes()) if f"`{code}`" not in text] == []


def error_codes() -> set[str]:
    """The codes of the gateway's own errors, and the scheduler's reasons, which become codes."""
    sources = [file.read_text(encoding="utf-8") for file in (ROOT / "gateway").rglob("*.py")]
    raised = {code for source in sources for code in _CODE.findall(source)}
    return raised | set(get_args(Reason)) | {"internal_error"}


async def test_the_readmes_python_example_works() -> None:
    [example] = [
        block for language, block in _BLOCK.findall(text_of(README)) if language == "python"
    ]
    with EmbeddedEmulator(EmulatorConfig(speed=50)) as emulator:
        printed = await _output(example, emulator.url)
    assert printed.strip()


async def _output(example: str, worker: str) -> str:
    async with gateway(worker) as running:
        code = example.replace("http://127.0.0.1:8080", running.url)
        assert running.url in code
        printed = StringIO()
        with redirect_stdout(printed):
            await asyncio.to_thread(exec, code, {})
    return printed.getvalue()
