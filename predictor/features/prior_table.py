"""What is expected of an answer before any data: a table of stated lengths by demand.

The training data has few labels, haikus, translations or forced tool calls. Until data says more,
the forecast of such a request starts here. The figures are for English answers in tokens of today's
tokenizers (a word has about 1.35); ``prior_factors`` turns them into other scripts.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One expectation: an answer of ``tokens + per * of`` tokens.

    The line holds for requests with all of ``forms`` and none of ``unless`` (forms of ``demands``
    and marks of ``prior``). ``of`` names a quantity of the request (see ``prior.quantities``).
    ``spread`` is the standard deviation of the log length; ``trust`` (0 to 1) says how surely the
    demand rules the length. ``fixed``: "in detail" and "briefly" do not move the length.
    ``reason`` is the source or the reasoning.
    """

    forms: tuple[str, ...]
    tokens: float
    spread: float
    trust: float
    reason: str
    of: str = ""
    per: float = 0.0
    unless: tuple[str, ...] = ()
    fixed: bool = False


_LONG: tuple[str, ...] = ("essay", "story", "work", "application", "program", "plan")
_LONG += ("mail", "verse")
_CONTENT: tuple[str, ...] = (*_LONG, "post", "json", "schema", "translate", "rewrite", "summarise")
_CONTENT += ("extract", "command", "code_only", "list", "items", "tools", "context", "steps")
_TASKS = (*_CONTENT, "maths", "detail")
_BESIDE_ONLY = tuple(form for form in _TASKS if form != "story")


def _fixed(form: str, tokens: float, trust: float, reason: str, *unless: str) -> Line:
    return Line((form,), tokens, 0.6, trust, reason, unless=unless, fixed=True)


LINES: tuple[Line, ...] = (
    # Nothing but a word.
    _fixed("one_word", 3, 0.97, "one or two tokens of the word, a stop, the end token", *_LONG),
    _fixed("letter", 2.5, 0.96, "a letter, a bracket or a stop, the end token", "steps"),
    _fixed("yes_no", 3, 0.96, "the word, a stop, the end token", "steps", *_LONG),
    _fixed("number", 4, 0.96, "up to three digits are a token", "steps", *_CONTENT),
    _fixed("label", 4, 0.96, "labels have one to three tokens", "steps", *_LONG),
    Line(
        ("only",),
        6,
        0.8,
        0.93,
        "a name or a value: two to eight tokens",
        unless=(*_BESIDE_ONLY, "text_only"),
        fixed=True,
    ),
    # Code and data, bare.
    Line(("only", "command"), 25, 0.7, 0.85, "one line of a shell, SQL or a pattern", fixed=True),
    Line(("code_only",), 70, 0.9, 0.6, "one short function or query", fixed=True),
    Line(("code_only", "program"), 150, 0.7, 0.65, "a function of 10 to 20 lines of 10 tokens"),
    Line(("code_only", "command"), 40, 0.8, 0.7, "one query or pattern", fixed=True),
    Line(("command",), 120, 0.7, 0.4, "the line and what it does", unless=("program",)),
    Line(
        ("schema",),
        10,
        0.6,
        0.75,
        "a field: its quoted name, a colon, a short value, a comma",
        of="fields",
        per=8,
        fixed=True,
    ),
    Line(("json",), 60, 0.9, 0.45, "an object of five fields, fenced", unless=("program",)),
    # Stated lengths (asked_length reads them).
    Line(
        ("limit",), 0, 0.3, 0.94, "models meet a stated length within a third", "limit", 1, (), True
    ),
    Line(("low",), 0, 0.35, 0.9, "slightly above a lower bound", "low", 1.1, ("limit",), True),
    Line(
        ("answer_limit",),
        1,
        0.4,
        0.95,
        "the longest of the allowed answers bounds all",
        of="answer_limit",
        per=0.6,
        fixed=True,
    ),
    _fixed("one_sentence", 34, 0.95, "25 words: the mean sentence of expository prose", *_LONG),
    # Tied to the input's length.
    Line(
        ("translate",),
        4,
        0.35,
        0.9,
        "the text, in tokens of a language that needs more of them than English",
        of="input",
        per=1.1,
        fixed=True,
    ),
    Line(
        ("translate", "foreign"),
        4,
        0.4,
        0.91,
        "into English mostly, which needs fewer tokens",
        of="input",
        per=1.0,
        fixed=True,
    ),
    Line(
        ("rewrite",),
        10,
        0.5,
        0.7,
        "as long as the text, now and then with a list of changes",
        of="input",
        per=1.2,
        unless=("translate", *_LONG),
        fixed=True,
    ),
    Line(
        ("rewrite", "whole"),
        -14,
        0.25,
        0.95,
        "the text again",
        of="input",
        per=1.0,
        fixed=True,
    ),
    Line(
        ("summarise",),
        60,
        0.5,
        0.65,
        "a third of 400 tokens, a sixth of 1,000, a twelfth of 3,000",
        of="gist",
        per=4.5,
        unless=("translate",),
    ),
    Line(("extract",), 60, 0.8, 0.3, "some of the text's facts", of="input", per=0.15),
    Line(("context",), 70, 1.0, 0.44, "some sentences found in the context", unless=_LONG),
    Line(("context", "fact"), 30, 0.8, 0.65, "a name, a date or a sentence found in the context"),
    Line(
        ("continue", "previous"),
        0,
        0.6,
        0.7,
        "the next part is about as long as the last",
        of="previous",
        per=1.0,
    ),
    Line(("continue",), 300, 1.0, 0.2, "an answer of middle length"),
    # Tools.
    Line(("forced_tool",), 12, 0.6, 0.94, "name, braces, arguments", "gist", 6, (), True),
    # A call of the Berkeley function-calling set has 37 tokens in the median, an agent's step 80.
    Line(("tools",), 15, 0.8, 0.8, "a call: arguments repeat the request", "gist", 6, (), True),
    # Lists.
    Line(("items",), 10, 0.5, 0.6, "a number, a name and a remark", of="items", per=11),
    Line(("items", "many"), 30, 0.5, 0.62, "a headline and two sentences", of="items", per=45),
    Line(
        ("items", "explain"),
        200,
        0.6,
        0.63,
        "an explanation with a headline and two sentences for each item",
        of="items",
        per=60,
    ),
    Line(("list",), 260, 0.6, 0.3, "eight to ten items of 25 to 30 tokens"),
    Line(("plan",), 620, 0.5, 0.45, "a recipe or a week: 450 words in lists"),
    # Talk.
    _fixed("greeting", 18, 0.95, "'Hello! How can I help you today?' has nine tokens"),
    Line(
        ("fact",),
        20,
        0.8,
        0.65,
        "a sentence that repeats the question",
        unless=(*_TASKS, "opinion"),
    ),
    Line(("classify",), 45, 1.0, 0.35, "a label, often in a sentence, at times with reasons"),
    Line(("choice",), 110, 1.1, 0.3, "a letter alone, or a paragraph of reasoning"),
    Line(("brief",), 70, 0.7, 0.35, "two or three sentences"),
    Line(("explain",), 420, 0.5, 0.4, "chat models explain in 300 to 350 words with headings"),
    Line(("opinion",), 340, 0.5, 0.38, "for, against and a conclusion: 250 words"),
    Line(("detail",), 500, 0.5, 0.3, "longer than an explanation, once moved by its factor"),
    Line(("steps",), 330, 0.6, 0.25, "some steps of two sentences"),
    Line(("fix",), 320, 0.6, 0.3, "the mended code and what was wrong"),
    Line(("review",), 420, 0.5, 0.42, "five findings of 60 tokens and a corrected version"),
    Line(
        ("maths",),
        650,
        0.6,
        0.42,
        "a worked solution: 20 lines of 30 tokens",
        unless=("fact", "program"),
    ),
    # Pieces to write.
    Line(("tiny",), 20, 0.6, 0.9, "a haiku: 17 syllables; a title: ten", unless=("program",)),
    Line(("verse",), 210, 0.4, 0.6, "five stanzas of four lines of ten tokens"),
    Line(("post",), 110, 0.6, 0.45, "a tweet has 50 tokens, a paragraph 110"),
    Line(("mail",), 190, 0.45, 0.6, "100 to 150 words with greeting and close"),
    Line(("story",), 650, 0.45, 0.55, "450 to 500 words where no length is stated"),
    Line(("essay",), 830, 0.4, 0.7, "five paragraphs of 120 words"),
    Line(("work",), 1150, 0.5, 0.65, "chat models stop a chapter or speech at 800 to 900 words"),
    Line(("program",), 350, 0.5, 0.4, "25 lines of ten tokens and a paragraph"),
    Line(("application",), 1500, 0.6, 0.55, "three files of 40 lines"),
    # Two demands that say more together. Models stored before these lines end above them.
    Line(
        ("json", "only"),
        30,
        0.6,
        0.75,
        "an object of three to five fields, bare",
        unless=("program", *_LONG),
        fixed=True,
    ),
    Line(
        ("context", "brief"),
        30,
        0.8,
        0.62,
        "a name, a date or a sentence found in the context",
        unless=_LONG,
        fixed=True,
    ),
    Line(("program", "application"), 1500, 0.5, 0.65, "as above, where its language is named"),
    # In three sets of chat and agents, log length rises by 0.4 to 0.6 of that of the last answer.
    Line(("previous",), 0, 0.8, 0.5, "answers of one conversation are alike", "previous", 1),
    Line(("previous", "tools"), 30, 0.8, 0.82, "half a call, half the last step", "previous", 0.5),
    # Asked for a book, models write its beginning, or an outline: far less, and seldom the most.
    Line(("limit", "huge"), 6000, 1.0, 0.95, "a beginning of 4,000 words", fixed=True),
    Line(("low", "huge"), 6000, 1.0, 0.91, "as above", unless=("limit",), fixed=True),
    *(
        Line((form, "framed"), 14, 0.7, 0.97, "the answer and the marks around it", fixed=True)
        for form in ("label", "letter", "number", "yes_no", "only")
    ),
    Line(("text_only",), 100, 0.9, 0.6, "one paragraph, as of a law, a letter or a book"),
    # A name of three tokens and a mark for each item.
    Line(("items", "only"), 3, 0.5, 0.94, "names", "items", 4.5, ("explain", "json", *_LONG), True),
)
"""The most trusted line that holds for a request is the request's prior."""
