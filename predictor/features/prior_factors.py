"""What moves the stated lengths of ``prior_table``: forms beside the demand, and scripts."""

BARE_FORMS = {"one_word", "letter", "yes_no", "number", "label", "only", "code_only"}
"""Forms that demand an answer and nothing beside it."""

MOVES = {"detail": 1.5, "brief": 0.4, "steps": 1.15}
"""Factors on lines that are not fixed. In detail: models write half as much again. Briefly: a
third to a half. Step by step: explanations are mostly in steps anyway."""
BRIEF_PIECE = 0.75
"""The factor of ``brief`` on a piece to write: a short story is still a story."""

SCRIPT_FACTORS = {"kana": 1.2, "hangul": 1.15, "thai": 1.4, "cyrillic": 1.25, "arabic": 1.35}
SCRIPT_FACTORS |= {"indic": 1.7, "unknown": 1.4}
"""Tokens for the same content as in English, by the share of the letters: between o200k_base and
the tokenizers of open models; Han needs as many as English."""
ACCENTED_FACTOR = 1.2
"""The same for European languages other than English, told by accented letters."""
