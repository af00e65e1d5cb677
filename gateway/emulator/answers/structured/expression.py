"""Text that matches a regular expression, for the expressions that structured outputs use.

Read are literals, escapes, classes, groups, alternatives and repeats. Text is drawn from the
expression, then matched against it with ``re``, so that a mistake here refuses a request and never
breaks a promise.
"""

from __future__ import annotations

import random
import re
import string
import warnings
from collections.abc import Callable
from dataclasses import dataclass

from gateway.emulator.answers.structured.errors import FormatError

Draw = Callable[[random.Random], str]

_ATTEMPTS = 300
_MORE = 3  # repeats beyond the least, where there is no most
_LONGEST = 100_000  # characters and repeats that are drawn for one expression

_WORD = string.ascii_letters + string.digits + "_"
_PRINTABLE = "".join(map(chr, range(32, 127)))
_CLASSES = {
    "d": string.digits,
    "w": _WORD,
    "s": " ",
    "D": string.ascii_letters,
    "W": " -.,",
    "S": _WORD,
}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}
_REPEAT = re.compile(r"\{(\d*)(,?)(\d*)\}")


def draw_match(pattern: str, rng: random.Random, *, least: int = 0, most: int | None = None) -> str:
    """Text of ``least`` to ``most`` characters that matches all of ``pattern``.

    Raises:
        FormatError: the expression is not one, or uses what is not read here.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of what will mean something else in later versions
            compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError, Warning) as error:
        raise FormatError(f"{pattern!r} is not a regular expression: {error}") from None
    parser = _Parser(pattern)
    try:
        draw = parser.parse()
    except RecursionError:
        raise FormatError("the expression is nested too deep") from None
    for _ in range(_ATTEMPTS):
        text = draw(rng)
        if len(text) < least:
            parser.repeats.lengthen()
        elif most is not None and len(text) > most:
            parser.repeats.shorten()
        elif compiled.fullmatch(text):
            return text
    padded = text.ljust(least, "a")
    if least and (most is None or len(padded) <= most) and compiled.search(padded):
        return padded  # an expression without an end says nothing about what follows
    bounds = [f"minLength {least}"] * bool(least) + [f"maxLength {most}"] * (most is not None)
    demanded = " and ".join([f"matches {pattern!r}", *bounds])
    raise FormatError(f"no text was found that {demanded}")


@dataclass(slots=True)
class _Repeats:
    """How often what may be repeated is repeated, to reach a length by trial.

    ``least`` and ``most`` are more than an expression's own least, where its own most allows them.
    """

    least: int = 0
    most: int | None = None
    _short: int = -1
    """The most that was too short, and the least that was too long."""
    _long: int | None = None

    def count(self, least: int, most: int | None, rng: random.Random) -> int:
        """How often, where an expression allows ``least`` to ``most`` times."""
        usual = most if self.most is None and most is not None else least + (self.most or _MORE)
        highest = usual if most is None else min(usual, most)
        return rng.randint(min(least + self.least, highest), highest)

    def lengthen(self) -> None:
        """Repeat more often: the last text was too short."""
        self._short = max(self._short, self.least)
        self._between()

    def shorten(self) -> None:
        """Repeat less often: the last text was too long."""
        self._long = self.least if self._long is None else min(self._long, self.least)
        self._between()

    def _between(self) -> None:
        if self._long is None:
            self.least = 2 * self._short + 1
        else:
            if self._long <= self._short + 1:  # luck was taken for a bound
                self._short, self._long = max(-1, self._short - _MORE), self._long + _MORE
            self.least = (self._short + self._long) // 2
        self.most = self.least + _MORE


class _Parser:
    """Reads an expression, left to right, into functions that draw text."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._left = _LONGEST
        self.repeats = _Repeats()

    def parse(self) -> Draw:
        draw = self._alternatives()
        if self._at < len(self._pattern):
            raise self._refused()
        return draw

    def _refused(self) -> FormatError:
        rest = self._pattern[self._at : self._at + 10]
        return FormatError(f"the expression {self._pattern!r} is not followed from {rest!r} on")

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self, *texts: str) -> bool:
        for text in texts:
            if self._pattern.startswith(text, self._at):
                self._at += len(text)
                return True
        return False

    def _alternatives(self) -> Draw:
        branches = [self._sequence()]
        while self._take("|"):
            branches.append(self._sequence())
        return branches[0] if len(branches) == 1 else lambda rng: rng.choice(branches)(rng)

    def _sequence(self) -> Draw:
        draws: list[Draw] = []
        while self._peek() not in ("", "|", ")"):
            if not self._take("^", "$", r"\A", r"\Z"):  # anchors: a full match needs none
                draws.append(self._repeated(self._atom()))
        return lambda rng: "".join([draw(rng) for draw in draws])

    def _atom(self) -> Draw:
        if self._take("("):
            return self._group()
        if self._take("["):
            return self._one_of(self._set())
        if self._take("."):
            return self._one_of(_PRINTABLE)
        if self._take("\\"):
            return self._one_of(self._escape())
        self._at += 1
        return self._one_of(self._pattern[self._at - 1])

    def _group(self) -> Draw:
        if self._take("?"):
            name = re.compile(r"P<\w+>|:").match(self._pattern, self._at)
            if name is None:
                raise self._refused()
            self._at = name.end()
        draw = self._alternatives()
        self._take(")")
        return draw

    def _escape(self) -> str:
        letter = self._peek()
        self._at += 1
        if letter in _CLASSES:
            return _CLASSES[letter]
        if letter in _CONTROLS:
            return _CONTROLS[letter]
        digits = {"x": 2, "u": 4}.get(letter)
        if digits:
            self._at += digits
            return chr(int(self._pattern[self._at - digits : self._at], 16))
        if letter.isalnum():
            self._at -= 2
            raise self._refused()
        return letter

    def _set(self) -> str:
        """The characters of a class; of a negated one, the printable characters that are left."""
        negated = self._take("^")
        found = ""
        while not found or self._peek() != "]":
            first = self._member()
            if len(first) == 1 and self._peek() == "-" and self._pattern[self._at + 1] != "]":
                self._at += 1
                found += "".join(map(chr, range(ord(first), ord(self._member()[-1]) + 1)))
            else:
                found += first
        self._at += 1
        return "".join(c for c in _PRINTABLE if c not in found) if negated else found

    def _member(self) -> str:
        if self._take("\\"):
            return self._escape()
        self._at += 1
        return self._pattern[self._at - 1]

    def _repeated(self, draw: Draw) -> Draw:
        counts = self._counts()
        if counts is None:
            return draw
        self._take("?", "+")  # lazy, possessive
        least, most = counts

        def drawn(rng: random.Random) -> str:
            count = self.repeats.count(least, most, rng)
            return "".join([self._spent(draw(rng)) for _ in range(count)])

        return drawn

    def _counts(self) -> tuple[int, int | None] | None:
        for sign, counts in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(sign):
                return counts
        found = _REPEAT.match(self._pattern, self._at)
        if found is None or not (found[1] or found[3]):
            return None
        self._at = found.end()
        least = int(found[1] or 0)
        if not found[2]:
            return least, least
        return least, int(found[3]) if found[3] else None

    def _one_of(self, characters: str) -> Draw:
        if not characters:
            raise FormatError("a class of characters is empty")
        return lambda rng: self._spent(rng.choice(characters))

    def _spent(self, text: str) -> str:
        """The text, unless too much was drawn: repeats of repeats would fill the memory."""
        self._left -= 1
        if self._left < 0:
            raise FormatError(f"the expression {self._pattern!r} makes texts that are too long")
        return text
