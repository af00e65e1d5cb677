"""Words and phrases that say what a prompt asks for; each group is one feature.

A phrase has two or three tokens (see ``tokens``); words and phrases are looked up by hash.
"""

from __future__ import annotations

WORDS: dict[str, str] = {
    "short": "brief briefly short shortly shorter concise concisely succinct succinctly quick "
    "quickly simple simply tldr",
    "long": "detail detailed details comprehensive thorough thoroughly elaborate extensive long "
    "longer complete full lengthy",
    "only": "only just exactly",
    "prose": "essay article blog story stories poem letter email speech script report review novel "
    "song lyrics chapter post paper dialogue conversation scene haiku narrative",
    "plan": "plan outline guide tutorial itinerary strategy schedule recipe course curriculum "
    "proposal roadmap campaign",
    "explain": "explain describe discuss analyze analyse compare contrast evaluate argue interpret "
    "critique examine",
    "create": "write generate create compose draft design develop build make produce invent "
    "imagine construct brainstorm",
    "list": "list name enumerate suggest provide recommend identify",
    "classify": "classify categorize categorise determine label detect sentiment rate rank select "
    "choose pick tell",
    "transform": "rewrite rephrase paraphrase edit correct convert translate change replace reword "
    "fix improve reverse transform format arrange combine add insert remove",
    "summarise": "summarize summarise summary synopsis takeaway takeaways",
    "extract": "extract find given based passage text following reference",
    "math": "calculate compute solve equation sum $ probability integral derivative prove percent "
    "percentage average area modulo frac",
    "code": "code function program script implement algorithm class method api sql query regex "
    "debug compile javascript typescript java html css bash rust react php",
    "python": "python def import self print return",
    "science": "numpy np pandas pd df dataframe matplotlib plt scipy sklearn tensorflow tf torch "
    "pytorch tensor array seaborn",
    "plot": "plot histogram axes axis figure legend chart graph scatter",
    "assert": "assert",
    "raise": "raise raises exception exceptions error valueerror typeerror",
    "example": "example examples sample",
    "input": "input inputs output outputs",
    "constraint": "constraint constraints le leq mod ≤ guaranteed",
    "table": "table tables column columns row rows csv",
    "json": "json xml yaml",
    "me": "i my me we our",
    "you": "you your",
    "please": "please thanks help",
    "question": "why how what",
    "fact": "who when where which whose whom",
    "top": "best most top largest first famous popular biggest",
    "persona": "pretend",
    "many": "some advantages ways reasons things ideas tips steps types benefits differences "
    "factors points",
    "language": "french spanish german chinese japanese english italian russian korean",
    "test": "test tests pass",
    "class": "solution class list int str bool float dict",
}

PHRASES: dict[str, tuple[str, ...]] = {
    "short": ("in short", "few words", "one word", "single word", "one sentence", "one line"),
    "long": ("in depth", "in-depth", "step by step", "as much"),
    "closed": ("yes or no", "true or false", "yes/no", "true/false", "or incorrect", "or wrong"),
    "only": (
        "no explanation",
        "without explanation",
        "without explaining",
        "no comment",
        "t explain",
        "not explain",
    ),
    "create": ("come up with",),
    "list": ("give me", "tell me"),
    "classify": ("which is", "which of", "which one", "odd one", "is or", "as either"),
    "summarise": ("key point", "key points", "main idea", "main point", "main points"),
    "extract": ("according to", "from the", "given the", "given this"),
    "math": ("how many", "how much", "\\frac"),
    "persona": ("you are", "act as", "your task", "i want you", "your role"),
    "howto": ("how do", "how to", "how can", "how does", "how would", "how should"),
    "whatis": ("what is", "what are", "what's", "what was", "who is", "who was", "when was"),
    "example": ("e.g", "such as", "for instance"),
    "constraint": ("<=", "10^"),
    "many": ("pros and cons", "as possible"),
    "starting": ("starting with", "should start with", "should output", "begin solution"),
}

GROUPS: tuple[str, ...] = tuple(dict.fromkeys((*WORDS, *PHRASES)))

_OPENERS = (
    "what who when where why how which is are can could does do did give write list name identify "
    "classify generate create explain describe summarize translate rewrite find tell design make "
    "compare provide think suggest edit compose develop construct determine calculate convert "
    "imagine i you the a in given if please problem question based extract from categorize "
    "analyze come choose let add propose predict discuss formulate read sort"
)
OPENERS = _OPENERS.split()
"""First words of a prompt; the index of a word is the word's opener code."""

_COUNT = "zero one two three four five six seven eight nine ten eleven twelve"
NUMBER_WORDS: dict[str, int] = {word: value for value, word in enumerate(_COUNT.split())}
NUMBER_WORDS |= {"a": 1, "an": 1, "single": 1, "couple": 2, "few": 3, "several": 5, "fifteen": 15}
NUMBER_WORDS |= {"twenty": 20, "thirty": 30, "fifty": 50, "hundred": 100}

YES_OR_NO = ("answer yes or", "just yes or", "only yes or", "with yes or", "reply yes or")
REPLYING = ("say", "saying", "reply", "replying", "respond", "response", "answer", "acknowledge")
ASSENT = ("acknowledged", "roger", "understood", "ok", "okay", "ready", "noted", "continue")
"""Words that a prompt asks for as the whole answer, after a word of REPLYING."""
