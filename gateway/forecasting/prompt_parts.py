"""PromptParts: what the prompt of a request is made of, for an estimate of its tokens.

Reads every API that takes text: OpenAI's chat, completions and responses, Anthropic's messages,
embeddings, scores and ranks. Reads parsed JSON; a field of the wrong type counts as absent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gateway.forecasting.attachments import attachment_kind, count_attachments, spread
from gateway.forecasting.characters import Counts, count_characters
from gateway.forecasting.token_rates import PARTS, Part, assumed_tokens
from gateway.forecasting.value_text import json_in_part, json_text
from gateway.protocol.generating import api_of
from predictor.request.fields import items, mapping, string

_EARLIER = ("previous_response_id", "conversation")
"""Fields of a request that stand for text kept by the server."""

_THOUGHTS = frozenset(("reasoning_content", "reasoning", "thinking", "summary"))
"""Fields of an earlier answer's thinking."""

_TEXTS = ("query", "queries", "documents", "text_1", "text_2", "text", "texts", "inputs")
"""Fields of texts beside messages, input and prompt: scores, ranks, and templates' documents."""

_PROMPTS = ("messages", "prompt", "input")
"""Fields of the prompt itself."""

_GIVEN = str, list, tuple
"""Types of a prompt. Another has none: a null, or the name of a template that the server keeps."""

_PLAIN_MESSAGE = frozenset(("role", "content", "name", "type", "id", "status"))
"""Fields of a message that says nothing beside its content."""

_WEIGHED = slice(Part.TOOL_LIST, None)
"""Parts that a request has for itself, unlike its frame."""

MOST_TOOLS = 128
"""Tools of a request that are looked at; the others are like them."""

LARGE = 2048
"""Bytes of a request from which on it cannot be without a prompt."""

_LARGE_BODY = 65_536
"""Bytes of a request from which on its parts may be large."""

_SHOWN = 0.2
"""Share of a prompt's characters from which on their class says of which kind the prompt is."""


@dataclass(frozen=True, slots=True)
class PromptParts:
    """The amounts of a prompt's parts (see ``token_rates``), and tokens that are certain."""

    amounts: Counts
    """By ``CharacterClass`` and ``Part``."""
    ids: int = 0
    """Tokens given as ids."""
    prompts: int = 1
    """Prompts of a batch; the other figures are sums over these."""

    @property
    def images(self) -> int:
        """The number of images."""
        return round(float(self.amounts[Part.IMAGES] + self.amounts[Part.UNSIZED_IMAGES]))

    @property
    def kind(self) -> bytes:
        """Prompts of one kind consist of the same parts."""
        characters, others = self.amounts[: Part.TEMPLATE], self.amounts[Part.TEMPLATE :]
        shown = characters > _SHOWN * max(1.0, float(characters.sum()))
        return bytes(np.packbits(np.concatenate((shown, others > 0))))


def read_parts(body: Mapping[str, Any], raw: bytes = b"", endpoint: str = "") -> PromptParts:
    """The parts of the prompt in a request's body.

    Args:
        body: the parsed body; a field that is null counts as absent.
        raw: its bytes. A body that is not JSON, as the upload of a sound, is an attachment, and so
            is a large one in which no prompt is found.
        endpoint: a path under /v1/, which says where the prompt stands; "" if unknown.
    """
    reader = _Reader(json=json_in_part if len(raw) > _LARGE_BODY else json_text)
    reader.read(body, api_of(endpoint).prompt)
    amounts = reader.amounts
    found = (
        reader.ids or any(map(len, (*reader.texts, *reader.thoughts))) or amounts[_WEIGHED].any()
    )
    if not found and (len(raw) >= LARGE if body else raw):
        amounts[Part.ATTACHMENTS] += 1
    amounts[: Part.TEMPLATE] = count_characters("\n".join(reader.texts))
    amounts[Part.THOUGHT_TEXT] = _assumed("\n".join(reader.thoughts))
    return PromptParts(amounts, reader.ids, max(1, reader.prompts))


def _assumed(text: str) -> float:
    return assumed_tokens(count_characters(text)) if text else 0.0


@dataclass(slots=True)
class _Reader:
    """Collects texts and amounts from a request."""

    amounts: Counts = field(default_factory=lambda: np.zeros(PARTS))
    texts: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    attachments: list[Mapping[str, Any]] = field(default_factory=list)
    ids: int = 0
    prompts: int = 0
    json: Callable[[object], str] = json_text

    def read(self, body: Mapping[str, Any], own: str) -> None:
        """Take a whole request whose API has its prompt in the field ``own``, "" if unknown."""
        name = next((name for name in (own, *_PROMPTS) if isinstance(body.get(name), _GIVEN)), "")
        given = body.get(name)
        if name == "messages" or own == "input" or (name != "prompt" and _is_conversation(body)):
            self._conversation(body, given)
        else:
            self._batch(given)
            for text in () if own else _TEXTS:
                self._batch(body.get(text))
        self.amounts += count_attachments(self.attachments)
        self._tools(body)
        self._schema(body)
        earlier = any(body.get(name) for name in _EARLIER) or mapping(body.get("prompt"))
        self.amounts[Part.EARLIER] = float(bool(earlier))

    def _conversation(self, body: Mapping[str, Any], entries: object) -> None:
        self.amounts[Part.TEMPLATE] = 1.0
        for name in ("system", "instructions"):
            if body.get(name):
                self.amounts[Part.MESSAGES] += 1
                self._content(body[name])
        messages = (entries,) if isinstance(entries, str) else items(entries)
        self.amounts[Part.MESSAGES] += len(messages)
        for entry in messages:
            self._entry(entry)
        for holder in (body, mapping(body.get("chat_template_kwargs"))):
            for document in items(holder.get("documents")):
                given = document.values() if isinstance(document, Mapping) else (document,)
                self.texts += map(self.json, given)

    def _entry(self, entry: object) -> None:
        """A message or an item."""
        if not isinstance(entry, dict):
            self._content(entry)
            return
        self._content(entry.get("content", entry.get("output")))
        if entry.keys() <= _PLAIN_MESSAGE:
            return
        self._thoughts(entry)
        self._call(entry)
        self._call(mapping(entry.get("function_call", {})))
        for call in items(entry.get("tool_calls")):
            self._call(mapping(mapping(call).get("function", call)))

    def _call(self, call: Mapping[str, Any]) -> None:
        """A tool call: name and arguments, of a message, an item or a part (Anthropic)."""
        arguments = call.get("arguments", call.get("input"))
        if arguments is not None:
            self.texts.append(string(call.get("name")) + " " + self.json(arguments))

    def _thoughts(self, holder: Mapping[str, Any]) -> None:
        for name in _THOUGHTS.intersection(holder):
            thought = holder[name]
            texts = [thought] if isinstance(thought, str) else items(thought)
            self.thoughts += [string(mapping(one).get("text", one)) for one in texts]

    def _content(self, content: object) -> None:
        """The content of a message: a text, or parts, which may hold content themselves."""
        waiting = [content]
        while waiting:  # not by recursion: clients decide how deep parts are nested
            content = waiting.pop()
            if isinstance(content, str):
                self.texts.append(content)
            for part in items(content):
                if isinstance(part, str):
                    self.texts.append(part)
                elif isinstance(part, dict):
                    waiting.append(self._part(part))

    def _part(self, part: Mapping[str, Any]) -> object:
        """Take a part of a message; returns the content that it holds, None for none."""
        if isinstance(text := part.get("text", part.get("refusal")), str):
            self.texts.append(text)
        elif attachment_kind(part):
            self.attachments.append(part)
        else:
            self._thoughts(part)
            self._call(part)
            return part.get("content")
        return None

    def _batch(self, given: object) -> None:
        """One or several prompts, as texts or as token ids."""
        prompts = items(given)
        single = prompts and isinstance(prompts[0], int | float)
        if single or isinstance(given, str | Mapping):
            prompts = (given,)
        self.prompts = max(self.prompts, len(prompts))
        for prompt in prompts:
            if isinstance(prompt, str):
                self.texts.append(prompt)
            elif isinstance(prompt, Mapping):
                self._content([prompt])
            else:
                self.ids += len(items(prompt))

    def _tools(self, body: Mapping[str, Any]) -> None:
        offered = items(body.get("tools")) or items(body.get("functions"))
        if not offered:
            return
        shown = spread(offered, MOST_TOOLS)
        tokens = _assumed("\n".join(map(self.json, shown))) * len(offered) / len(shown)
        choice = body.get("tool_choice", body.get("function_call"))
        if (mapping(choice).get("type") or choice) == "none":
            self.amounts[Part.UNUSED_TOOL_TEXT] = tokens
            return
        self.amounts[Part.TOOL_LIST], self.amounts[Part.TOOLS] = 1.0, len(offered)
        self.amounts[Part.TOOL_TEXT] = tokens

    def _schema(self, body: Mapping[str, Any]) -> None:
        given: Sequence[object] = (
            *(body.get("response_format"), mapping(body.get("text")).get("format")),
            *(body.get("output_format"), mapping(body.get("output_config")).get("format")),
            *(body.get("guided_json"), mapping(body.get("structured_outputs")).get("json")),
        )
        schemas = [self.json(one) for one in given if one]
        self.amounts[Part.SCHEMA_TEXT] = _assumed("\n".join(schemas))


def _is_conversation(body: Mapping[str, Any]) -> bool:
    """Whether ``input`` is a conversation (Responses), not what an embedding is made of."""
    given = body.get("input")
    if "instructions" in body or "previous_response_id" in body:
        return True
    return any(isinstance(one, dict) and ("role" in one or "type" in one) for one in items(given))
