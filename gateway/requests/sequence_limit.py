"""The limit of sequences: a request must leave room for others, and be able to run at all."""

from __future__ import annotations

from gateway.config.settings import Requests
from gateway.protocol.errors import ApiError
from gateway.protocol.sequences import Sequences

_SHOWN = 40
"""Digits of the longest number that an error repeats."""


def check_sequences(asked: Sequences, settings: Requests, slots: float) -> None:
    """Refuse a request for more sequences than it may have.

    Args:
        asked: what the request asks for.
        settings: the bound of the configuration.
        slots: most sequences that a worker of the model runs at once, infinite if unknown. Answers
            beyond would hold the whole worker, in several turns, while all others wait.

    Raises:
        ApiError: 400, with the field at fault.
    """
    if asked.n > slots:
        raise ApiError(
            400,
            f"n is {_shown(asked.n)}, and a worker of this model runs {slots:g} sequences at once "
            "(max_num_seqs). Ask for fewer answers, in several requests.",
            code="too_many_sequences",
            param="n",
        )
    if asked.total > settings.max_sequences:
        several = asked.prompt_field
        prompts = f" for each of {asked.prompts} prompts in {several}" if several else ""
        raise ApiError(
            400,
            f"n is {_shown(asked.n)}{prompts}: {_shown(asked.total)} sequences in one request, and "
            f"{settings.max_sequences} are allowed (requests.max_sequences). Send several "
            "requests, or raise the setting in the gateway's configuration.",
            code="too_many_sequences",
            param=several if asked.n == 1 else "n",
        )


def _shown(number: int) -> str:
    # Python writes no number of more than 4,300 digits.
    return str(number) if number < 10**_SHOWN else f"more than 10^{_SHOWN}"
