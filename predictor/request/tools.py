"""The tools that a request offers, and how far it makes the model call one."""

from __future__ import annotations

from dataclasses import dataclass

from predictor.request.fields import Object, items, mapping, measure

_MEASURED = 16  # tools whose text is measured; further ones count as their mean

_READ = 1_000_000  # characters of a system message in which tools are looked for

_SCHEMAS = ('"parameters"', '"input_schema"', '"inputSchema"')
"""What names the arguments in a tool's JSON: OpenAI's word, Anthropic's, and MCP's."""


@dataclass(frozen=True, slots=True)
class Tools:
    """The tools offered: number, characters of their JSON, and the two rules of their use."""

    number: int = 0
    chars: int = 0
    forced: bool = False
    parallel: bool | None = None


def read_tools(body: Object, system: str) -> Tools:
    """The tools of an OpenAI or Anthropic request; none where ``tool_choice`` forbids their use.

    Where the request offers none, those count that its ``system`` message describes.
    """
    offered = items(body.get("tools")) or items(body.get("functions"))
    choice = body.get("tool_choice", body.get("function_call"))
    named = mapping(choice)
    kind = named.get("mode", named.get("type")) if named else choice
    if not offered:
        return _described(system)
    if kind == "none":
        return Tools()
    measured = [measure(tool)[0] for tool in offered[:_MEASURED]]
    return Tools(
        number=len(offered),
        chars=sum(measured) * len(offered) // len(measured),
        forced=kind in ("required", "any") or bool(named and kind != "auto"),
        parallel=_parallel(body, named),
    )


def _described(system: str) -> Tools:
    """The tools that a system message describes in JSON, for models that take no field of tools."""
    shown = system[:_READ]
    number = max(map(shown.count, _SCHEMAS)) if '"name"' in shown else 0
    return Tools(number, len(system)) if number else Tools()


def _parallel(body: Object, choice: Object) -> bool | None:
    """Whether several calls at once are allowed; None where the request does not say."""
    forbidden = choice.get("disable_parallel_tool_use")
    if isinstance(forbidden, bool):
        return not forbidden
    allowed = body.get("parallel_tool_calls")
    return allowed if isinstance(allowed, bool) else None
