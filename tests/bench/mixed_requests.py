"""Requests of every kind and API, made up from a seed: what a gateway gets from many clients.

Text in eight scripts, images as data URLs and behind addresses, tools of one to 15,000 tokens, JSON
schemas, token ids, batches, several answers to a prompt, prefixes that come again; chat,
completions, responses and messages, streamed and not. Each seed has its own shares of the kinds.
"""

from __future__ import annotations

import base64
import random
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MODEL = "emulated"
MOST_OUTPUT = 4000
"""Output tokens of a sequence, limited as chats usually are."""

_LIMIT = {"chat/completions": "max_completion_tokens", "responses": "max_output_tokens"}

_WORDS = {
    "English": "the town river sells old bread where people wait and children ask about weather",
    "French": "la ville où l'été dernier mes élèves ont préféré écrire à côté du théâtre",
    "Russian": "город река старый хлеб люди ждут и дети спрашивают о погоде каждый вечер",
    "Arabic": "المدينة النهر خبز قديم حيث ينتظر الناس ويسأل الأطفال عن الطقس كل مساء",
    "Hindi": "शहर नदी पुरानी रोटी जहाँ लोग इंतज़ार करते हैं और बच्चे मौसम पूछते हैं",
    "Chinese": "城市 河流 面包 人们 等待 孩子 询问 天气 每天 晚上 我们 写信",
    "Japanese": "町の 川で 古い パンを 売る 人々が 待って いて 子供は 天気を 尋ねる",
    "Korean": "도시의 강에서 오래된 빵을 파는 사람들이 기다리고 아이들은 날씨를 묻는다",
}
_UNSPACED = ("Chinese", "Japanese")
_CODE = "for index, value in enumerate(values):\n    total += value * 3.14 / (index + 1)\n"
_SIDES = (64, 224, 336, 512, 640, 768, 1024, 1280, 1600)


@dataclass(frozen=True, slots=True)
class MixedRequest:
    """A request: its path, its body, and the kind of which it is."""

    kind: str
    path: str
    body: dict[str, Any]


class Mix:
    """The requests of one seed."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        rng = self._rng
        self._shares = [rng.expovariate(1.0) for _ in _KINDS]
        self._prefixes = [self._text(rng.randrange(200, 1500)) for _ in range(3)]
        self._tools = [self._some_tools() for _ in range(4)]

    def draw(self, count: int) -> list[MixedRequest]:
        """The next requests."""
        return [self._request() for _ in range(count)]

    def _request(self) -> MixedRequest:
        kind = self._rng.choices(list(_KINDS), self._shares)[0]
        path, body = _KINDS[kind](self)
        body |= {"model": MODEL, "stream": self._rng.random() < 0.5}
        if path in ("chat/completions", "completions"):
            body["seed"] = self._rng.randrange(2**31)
        else:  # greedy answers repeat as well
            body["temperature"] = 0
        body[_LIMIT.get(path, "max_tokens")] = MOST_OUTPUT
        return MixedRequest(kind, path, body)

    # Parts

    def _text(self, words: int, language: str | None = None) -> str:
        rng = self._rng
        language = language or rng.choice(list(_WORDS))
        known, blank = _WORDS[language].split(), "" if language in _UNSPACED else " "
        return blank.join(rng.choice(known) for _ in range(words))

    def _size(self, middle: float, spread: float = 0.9) -> int:
        return min(4000, max(2, round(self._rng.lognormvariate(0.0, spread) * middle)))

    def _image(self) -> str:
        """A data URL, or an address."""
        rng = self._rng
        if rng.random() < 0.4:
            return f"https://images.example/{rng.randrange(1000)}.png"
        return "data:image/png;base64," + png(rng.choice(_SIDES), rng.choice(_SIDES))

    def _some_tools(self) -> list[dict[str, Any]]:
        """Functions whose JSON has some one to 15,000 tokens, evenly on a logarithmic scale."""
        rng = self._rng
        left, functions = 4 * 15_000 ** rng.random(), list[dict[str, Any]]()
        while left > 0:
            names = [f"field_{rng.randrange(100)}" for _ in range(rng.randrange(1, 8))]
            about = self._text(rng.randrange(3, 40), "English")
            one = {"type": "string", "description": about[: int(max(0, min(left, 200)))]}
            schema = {"type": "object", "properties": dict.fromkeys(names, one), "required": names}
            name = f"call_{len(functions)}"
            functions.append({"name": name, "description": about, "parameters": schema})
            left -= 120 + len(about) + len(names) * (60 + len(one["description"]))
        return functions

    # Kinds: each gives a path and a body

    def chat(self) -> tuple[str, dict[str, Any]]:
        """Plain text of any length, in any language."""
        messages = [{"role": "user", "content": self._text(self._size(150))}]
        return "chat/completions", {"messages": messages}

    def turns(self) -> tuple[str, dict[str, Any]]:
        """A conversation of several turns."""
        roles = ["user", "assistant"] * self._rng.randrange(1, 6)
        texts = [
            {"role": role, "content": self._text(self._size(100))} for role in [*roles, "user"]
        ]
        return "chat/completions", {"messages": texts}

    def code(self) -> tuple[str, dict[str, Any]]:
        """Program text."""
        content = "Explain:\n" + _CODE * self._rng.randrange(1, 80)
        return "chat/completions", {"messages": [{"role": "user", "content": content}]}

    def images(self) -> tuple[str, dict[str, Any]]:
        """Chat with images."""
        parts: list[dict[str, Any]] = [{"type": "text", "text": self._text(self._size(20))}]
        for _ in range(self._rng.choice((1, 1, 1, 2, 4))):
            parts.append({"type": "image_url", "image_url": {"url": self._image()}})
        return "chat/completions", {"messages": [{"role": "user", "content": parts}]}

    def tools(self) -> tuple[str, dict[str, Any]]:
        """Chat with tools."""
        functions = self._rng.choice(self._tools)
        offered = [{"type": "function", "function": function} for function in functions]
        messages = [{"role": "user", "content": self._text(self._size(30))}]
        return "chat/completions", {"messages": messages, "tools": offered}

    def schema(self) -> tuple[str, dict[str, Any]]:
        """An answer by a JSON schema, which stands in no prompt."""
        path, body = self.chat()
        schema = {"name": "s", "schema": self._rng.choice(self._tools)[0]["parameters"]}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return path, body

    def prefix(self) -> tuple[str, dict[str, Any]]:
        """A system prompt that comes again."""
        system = {"role": "system", "content": self._rng.choice(self._prefixes)}
        user = {"role": "user", "content": self._text(self._size(20))}
        return "chat/completions", {"messages": [system, user]}

    def several(self) -> tuple[str, dict[str, Any]]:
        """Several answers to a prompt."""
        path, body = self.chat()
        return path, body | {"n": self._rng.randrange(2, 5)}

    def completion(self) -> tuple[str, dict[str, Any]]:
        """A text to be continued."""
        text = self._text(self._size(200))
        return "completions", {"prompt": text}

    def ids(self) -> tuple[str, dict[str, Any]]:
        """A prompt of token ids."""
        ids = [self._rng.randrange(30_000) for _ in range(self._size(600))]
        return "completions", {"prompt": ids}

    def batch(self) -> tuple[str, dict[str, Any]]:
        """Several prompts in a request."""
        texts = [self._text(self._size(60)) for _ in range(self._rng.randrange(2, 6))]
        return "completions", {"prompt": texts}

    def responses(self) -> tuple[str, dict[str, Any]]:
        """A response, with or without tools and images."""
        rng = self._rng
        content: list[dict[str, Any]] = [
            {"type": "input_text", "text": self._text(self._size(150))}
        ]
        if rng.random() < 0.3:
            content.append({"type": "input_image", "image_url": self._image()})
        body: dict[str, Any] = {"input": [{"role": "user", "content": content}], "store": False}
        if rng.random() < 0.5:
            body["instructions"] = self._text(self._size(200))
        if rng.random() < 0.3:
            body["tools"] = [{"type": "function", **tool} for tool in rng.choice(self._tools)]
        return "responses", body

    def messages(self) -> tuple[str, dict[str, Any]]:
        """Anthropic's messages, with or without tools, images and tool results."""
        rng = self._rng
        content: list[dict[str, Any]] = [{"type": "text", "text": self._text(self._size(150))}]
        if rng.random() < 0.3:
            data = png(rng.choice(_SIDES), rng.choice(_SIDES))
            source = {"type": "base64", "media_type": "image/png", "data": data}
            content.append({"type": "image", "source": source})
        body: dict[str, Any] = {"messages": [{"role": "user", "content": content}]}
        if rng.random() < 0.5:
            body["system"] = [{"type": "text", "text": rng.choice(self._prefixes)}]
        if rng.random() < 0.3:
            body["tools"] = [_anthropic(tool) for tool in rng.choice(self._tools)]
        return "messages", body


_KINDS: dict[str, Callable[[Mix], tuple[str, dict[str, Any]]]] = {
    "chat": Mix.chat,
    "turns": Mix.turns,
    "code": Mix.code,
    "images": Mix.images,
    "tools": Mix.tools,
    "schema": Mix.schema,
    "prefix": Mix.prefix,
    "several": Mix.several,
    "completion": Mix.completion,
    "ids": Mix.ids,
    "batch": Mix.batch,
    "responses": Mix.responses,
    "messages": Mix.messages,
}


def _anthropic(tool: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in tool.items() if name != "parameters"}
    return {**rest, "input_schema": tool["parameters"]}


def png(width: int, height: int) -> str:
    """A black image in base64."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checked = kind + data
        return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    rows = chunk(b"IDAT", zlib.compress(bytes(height * (1 + (width + 7) // 8)), 9))
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + head + rows + chunk(b"IEND", b"")).decode()
