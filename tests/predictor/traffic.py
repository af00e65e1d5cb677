"""Synthetic served traffic whose lengths follow from the prompts, as a gateway would log it."""

from pathlib import Path

import numpy as np

from predictor import LengthPredictor, Prompt
from predictor.adaptive.keys import keys_of
from predictor.artefact.versions import artefact_id
from predictor.features.definition import feature_hash
from predictor.inference.request_kind import kind_fields
from predictor.refit.editable import EditableArtefact
from predictor.refit.traffic import LoggedTraffic, usable_traffic
from predictor.served_log import ServedLog, ServedRecord, read
from tests.predictor.small_castillo import LEVEL, SIGMA

_TOPICS = ("tea", "rivers", "chess", "trains", "bread", "clouds", "maps", "bees", "paper", "storms")
_KINDS = (
    ("What is {topic}? Case {at}.", 40.0),
    ("Write a Python function about {topic} that returns item {at}.", 160.0),
    ("Write a long essay on {topic} with part {at}, please.", 600.0),
)

_NUMBERS = 317
"""Numbers in the texts, as in the data trained on: four digits would make traffic unfamiliar."""


def serve(
    folder: Path,
    predictor: LengthPredictor,
    count: int,
    *,
    models: dict[str, float] | None = None,
    start: float = 1e9,
    seed: int = 0,
    max_tokens: int | None = None,
    keep_text: bool = False,
) -> list[tuple[Prompt, float]]:
    """Log ``count`` answers to ``models`` (name: level); returns prompts and true lengths."""
    rng = np.random.default_rng(seed)
    models = models or dict(LEVEL)
    made = []
    for at in range(count):
        form, median = _KINDS[rng.integers(len(_KINDS))]
        name = list(models)[rng.integers(len(models))]
        number = (1000 * seed + at) % _NUMBERS
        text = form.format(topic=_TOPICS[rng.integers(len(_TOPICS))], at=number)
        length = median * models[name] * np.exp(SIGMA * rng.standard_normal())
        made.append((Prompt(name, text, max_tokens=max_tokens), max(1.0, float(np.rint(length)))))
    log_answers(folder, predictor, made, start=start, seed=seed, keep_text=keep_text)
    return made


def log_answers(
    folder: Path,
    predictor: LengthPredictor,
    made: list[tuple[Prompt, float]],
    *,
    start: float = 1e9,
    seed: int = 0,
    keep_text: bool = False,
) -> None:
    """Log answers of the given lengths to prompts, one a second, cut at the prompts' limits."""
    raw_forecasts = predictor.raw_forecasts([prompt for prompt, _ in made])
    log = ServedLog(folder)
    for at, (prompt, length) in enumerate(made):
        max_tokens = prompt.max_tokens
        cut = max_tokens is not None and length >= max_tokens
        log.append(
            ServedRecord(
                id=f"{seed}-{at}",
                arrival=start + at,
                finished=start + at + 0.5,
                model=prompt.model,
                endpoint="/v1/chat/completions",
                prompt_tokens=10,
                output_tokens=int(min(length, max_tokens or length)),
                finish_reason="length" if cut else "stop",
                censored=cut,
                tier="fast",
                max_tokens=max_tokens,
                prompt_hash=prompt.text,
                keys=keys_of(prompt, tier="fast"),
                **kind_fields(prompt),
                inputs=raw_forecasts.inputs[at].astype(np.float32),
                feature_hash=feature_hash(),
                artefact=artefact_id(predictor.manifest),
                text=prompt.text if keep_text else None,
            )
        )
    log.close()


def logged_traffic(log: Path, predictor: LengthPredictor) -> LoggedTraffic:
    """The records of the served log ``log`` that ``predictor`` logged."""
    return usable_traffic(
        read(log),
        feature_hash=feature_hash(),
        artefacts={artefact_id(predictor.manifest): {}},
    )[0]


def shifted(artefact: EditableArtefact, by: float) -> EditableArtefact:
    """The artefact with all models' offsets wrong by ``by`` log tokens."""
    manifest = {**artefact.manifest, "online": {"base": artefact.lineage, "until": 0.0}}
    arrays = {**artefact.arrays, "offsets": artefact.arrays["offsets"] + by}
    return EditableArtefact.build(manifest, arrays, artefact.boosters)
