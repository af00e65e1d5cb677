"""Large numbers in eleven languages, read since the shipped model was trained.

They are no part of ``feature_hash``: they change what a column says of a rare text, not what the
column means, so a model that was trained without them stays valid.
"""

from __future__ import annotations

MILLIONS: dict[int, str] = {
    1_000_000: "million|millions|mio|millionen|millón|millones|milhão|milhões|миллион|миллиона|"
    "миллионов|مليون|ملايين",
    1_000_000_000: "billion|billions|milliarde|milliarden|milliard|milliards|bilhão|bilhões|"
    "миллиард|миллиарда|миллиардов|مليار",
    100_000: "लाख",
    10_000_000: "करोड़|करोड",
    100_000_000: "億|亿|억",
}
"""Multipliers. "Million" is the same in English, German and French, "billion" is read as English:
either is more than any answer has."""
