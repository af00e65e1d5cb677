"""What is published about models whose names do not say it: size and year of release.

From the makers' model cards and announcements. Sizes count all experts. The year stands for a
generation: answers became longer from year to year, also where family and size are the same.
"""

from __future__ import annotations

import re
from math import nan

FACTS = (
    ("llama-?4.*maverick", 400, 2025.3),
    ("llama-?4.*scout", 109, 2025.3),
    ("llama-?4(?![0-9b])", nan, 2025.3),
    ("llama-?3[._]?3", 70, 2024.9),
    ("llama-?3[._]2", nan, 2024.7),
    ("llama-?3[._]1", nan, 2024.6),
    ("llama-?3(?![0-9b])", nan, 2024.3),
    ("code-?llama", nan, 2023.6),
    ("llama-?2(?![0-9b])", nan, 2023.5),
    ("vicuna|alpaca|koala|dolly|guanaco|oasst", nan, 2023.3),
    ("deepseek-?(chat-)?v3[._][1-9]", 671, 2025.7),
    ("deepseek-?r1-?distill", nan, 2025.1),
    ("deepseek-?r1.*(qwen|llama)", nan, 2025.4),
    ("deepseek-?(r1|reasoner|chat|v3)", 671, 2025.0),
    ("deepseek-?(coder-?)?v2.*lite", 16, 2024.5),
    ("deepseek-?(coder-?)?v2", 236, 2024.5),
    ("deepseek", nan, 2023.9),
    ("qwen-?3-?next", 80, 2025.7),
    ("qwen-?3(?![0-9b])", nan, 2025.3),
    ("qwq", 32, 2024.9),
    ("qwen-?2[._]5|qwen25", nan, 2024.7),
    ("qwen-?2(?![0-9b])", nan, 2024.4),
    ("qwen-?1[._]5", nan, 2024.1),
    ("qwen-(max|plus|turbo|flash)", nan, 2024.8),
    ("qwen", nan, 2023.7),
    ("gpt-?oss", nan, 2025.6),
    ("gpt-?5", nan, 2025.6),
    ("gpt-?4[._]1", nan, 2025.3),
    ("gpt-?4o|chatgpt-4o", nan, 2024.4),
    ("(?<![a-z0-9])o[34](?![a-z0-9])", nan, 2025.2),
    ("(?<![a-z0-9])o1(?![a-z0-9])", nan, 2024.7),
    ("gpt-?4-(turbo|1106|0125)", nan, 2023.9),
    ("gpt-?4", nan, 2023.2),
    ("gpt-?35|gpt-?3[._]5|chatgpt", nan, 2022.9),
    ("davinci", 175, 2022.5),
    ("claude-?(opus|sonnet|haiku)-[4-9]|claude-?[4-9]", nan, 2025.4),
    ("claude-?3[-.]7", nan, 2025.2),
    ("claude-?3[-.]5", nan, 2024.5),
    ("claude-?3", nan, 2024.2),
    ("claude", nan, 2023.4),
    ("gemini-?3", nan, 2025.9),
    ("gemini-?2[._]5", nan, 2025.3),
    ("gemini-?2", nan, 2025.0),
    ("gemini-?1", nan, 2024.2),
    ("gemini|bison", nan, 2023.9),
    ("gemma-?3(?![0-9b])", nan, 2025.2),
    ("gemma-?2(?![0-9b])", nan, 2024.5),
    ("gemma", nan, 2024.2),
    ("phi-?4-?mini", 3.8, 2025.2),
    ("phi-?4-?multimodal", 5.6, 2025.2),
    ("phi-?4-?reasoning", 14.7, 2025.3),
    ("phi-?4", 14.7, 2024.9),
    ("phi-?3[._]5-?mini", 3.8, 2024.6),
    ("phi-?3.*mini", 3.8, 2024.3),
    ("phi-?3.*small", 7, 2024.4),
    ("phi-?3.*medium", 14, 2024.4),
    ("phi-?3", nan, 2024.3),
    ("phi-?2", 2.7, 2023.9),
    ("pixtral-?large", 124, 2024.9),
    ("pixtral", 12, 2024.7),
    ("mistral-?large", 123, 2024.6),
    ("mistral-?medium-?3", nan, 2025.3),
    ("mistral-?medium", nan, 2023.9),
    ("mistral-?small-?(3|.*250[1-9]|.*24b)", 24, 2025.1),
    ("mistral-?small", 22, 2024.7),
    ("mistral-?nemo", 12.2, 2024.5),
    ("mixtral-?8x22b", nan, 2024.3),
    ("mixtral", 46.7, 2023.9),
    ("codestral", 22, 2024.4),
    ("devstral|magistral-?small", 24, 2025.4),
    ("magistral", nan, 2025.4),
    ("ministral", nan, 2024.8),
    ("mistral", 7.2, 2023.8),
    ("glm-?4[._]5-?air", 106, 2025.6),
    ("glm-?4[._][56]", 355, 2025.6),
    ("glm-?z1|glm-4-32b", nan, 2025.3),
    ("glm-?4(?![0-9b])", nan, 2024.4),
    ("glm", 6, 2023.4),
    ("kimi-?k2", 1000, 2025.6),
    ("minimax-?m2", 230, 2025.8),
    ("minimax-?m1", 456, 2025.5),
    ("command-?a", 111, 2025.2),
    ("command-?r-?plus", 104, 2024.3),
    ("command-?r", 35, 2024.2),
    ("yi-?(1[._]5|large|coder)", nan, 2024.4),
    ("(?<![a-z])yi(?![a-z])", nan, 2023.8),
    ("falcon-?h1", nan, 2025.4),
    ("falcon-?3", nan, 2024.9),
    ("falcon", nan, 2023.4),
    ("granite-?4", nan, 2025.7),
    ("granite-?3", nan, 2024.9),
    ("olmo-?3", nan, 2025.9),
    ("olmo-?2", nan, 2024.9),
    ("smollm-?3", 3, 2025.5),
    ("smollm", 1.7, 2024.8),
    ("nemotron.*ultra", 253, 2025.3),
    ("nemotron.*super", 49, 2025.2),
    ("nemotron.*nano", nan, 2025.5),
    ("nemotron-?4", 340, 2024.4),
    ("exaone-?4", nan, 2025.5),
    ("exaone", nan, 2024.9),
    ("lfm-?2|hunyuan|ernie", nan, 2025.5),
    ("seed-?oss", 36, 2025.6),
    ("(?<![a-z])step-?3(?!\\d)", 321, 2025.6),
    ("grok-?4", nan, 2025.5),
    ("grok-?3", nan, 2025.1),
    ("grok", nan, 2024.6),
    ("dbrx", 132, 2024.2),
    ("arctic", 480, 2024.3),
    ("hermes-?4", nan, 2025.7),
    ("hermes-?3|tulu-?3|jamba", nan, 2024.7),
    ("solar|zephyr|starling|openchat|hermes|tulu|wizard|xwin|openorca", nan, 2023.8),
    ("internlm-?3", nan, 2025.0),
    ("internlm-?2|minicpm|starcoder-?2|sarashina|swallow", nan, 2024.2),
    ("internlm|baichuan|xverse|mpt|stablelm|starcoder|pythia|llama", nan, 2023.4),
    ("codegen|bloom|incoder|(?<![a-z])opt-", nan, 2022.5),
)
"""(expression in the canonical name, parameters in 1e9 or NaN, year); the first match counts."""

_COMPILED = tuple((re.compile(rule), float(size), year) for rule, size, year in FACTS)


_DATED = re.compile(r"(?<!\d)(20[12]\d)(?:-?(0[1-9]|1[0-2])(?:-?[0-3]\d)?)?(?!\d)")
_MIDDLE_MONTH = 6


def facts(base: str) -> tuple[float, float]:
    """Parameters in 1e9 and year of release of a canonical name; NaN: not known.

    A model of which nothing is published here has the year of the date in its name, if it has one.
    """
    for rule, size, year in _COMPILED:
        if rule.search(base):
            return size, year
    dated = _DATED.search(base)
    return nan, int(dated[1]) + int(dated[2] or _MIDDLE_MONTH) / 12 if dated else nan
