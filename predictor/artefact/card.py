"""The model card: the data, the accuracy and the limits of a published model."""

from __future__ import annotations

from typing import Any


def model_card(manifest: dict[str, Any]) -> str:
    """The model card (Markdown) of the model with the ``manifest``."""
    return "\n".join(
        [
            "# A length predictor",
            "",
            "The model predicts the distribution of an answer's length in tokens from the prompt",
            "and the name of the answering model. `lengthwise train` made the model;",
            "`manifest.json` has the same facts in machine-readable form.",
            "",
            *_data(manifest),
            *_measured(manifest),
            *_limits(),
        ]
    )


def _data(manifest: dict[str, Any]) -> list[str]:
    encoder = manifest.get("encoder")
    return [
        "## Data",
        "",
        f"{manifest['data']}. Trained on {manifest['training_samples']} sampled answers to "
        f"{manifest['training_prompts']} prompts.",
        "",
        *_sources(manifest["sources"]),
        "",
        f"- Models with a text column of their own: {', '.join(manifest['models'])}.",
        *([f"- Text encoder of the refined tier: {encoder}."] if encoder else []),
        *(
            f"- Effects of prompts on the length of other models' answers: {name}."
            for name in manifest.get("auxiliary", [])
        ),
        "- Word vectors: token embeddings of all-MiniLM-L6-v2 (Apache-2.0).",
        "",
        _LICENSED if manifest["licensed_only"] else _OWN_USE,
        "",
        *_stated(),
    ]


def _sources(sources: dict[str, dict[str, Any]]) -> list[str]:
    """A table of the corpora with the share of each in the training."""
    rows = [
        f"| {facts['title']} | {facts['licence']} | {facts['prompts']} | {facts['models']} | "
        f"{facts['samples']} | {100 * facts['share']:.1f} % |"
        for facts in sources.values()
    ]
    return [
        "| prompts of | licence of the prompts | prompts | models | answers | share of weight |",
        "|---|---|---|---|---|---|",
        *rows,
    ]


_LICENSED = (
    "The training data has only prompts and answers whose licences allow to distribute a trained "
    "model: no non-commercial prompts, none without a clear licence, and only answers of models "
    "whose makers released them without conditions on models trained from their outputs. Where "
    "prompts are CC-BY-SA, the published model holds weights summed over all prompts and, for some "
    "prompts, counts such as lines and digits and the mean vector of the words. No text can be "
    "read back from these."
)
_OWN_USE = (
    "The training data has prompts and answers whose licences may forbid to distribute a trained "
    "model. The model is for your own use; read the licences before you redistribute the model."
)


def _stated() -> list[str]:
    return [
        '**Stated, not learned:** the lengths that demands such as "one word" or "in full" '
        "start from (`predictor/features/prior_table.py`), the tokens in which a model thinks "
        "before it answers (`predictor/fast/location.py`), the tokens of a unit of length "
        "(`predictor/features/length_words.py`), and by how much new models and unfamiliar kinds "
        "of request widen a forecast (`predictor/fast/doubt.py`). Data moves all but the last.",
        "",
    ]


def _measured(manifest: dict[str, Any]) -> list[str]:
    metrics, held = manifest["metrics"], manifest["held_out"]
    if not metrics:
        return ["## Measured", "", "Nothing was measured: no prompts were held out.", ""]
    note = (
        "The published model was then trained again on all prompts, with the held-out ones."
        if manifest["held_out_in_training"]
        else "The held-out prompts are not in the training data."
    )
    refined = manifest.get("metrics_refined")
    corpora = ", ".join(f"{name} {tau:.2f}" for name, tau in manifest["tau_by_corpus"].items())
    lines = [
        "## Measured",
        "",
        f"Measured on {held['prompts']} held-out prompts of all kinds; the tables by model are of "
        "CASTILLO, if it is in the data. Rule for holding out: "
        f"{held['rule']} `{held['threshold']}`. {note}",
        "",
        *_rows(metrics),
        "",
        _EXPLAINED,
        "",
        f"Kendall tau within a corpus: {corpora}.",
        "",
        *_kinds("By kind of traffic, fast tier:", manifest.get("kinds")),
        *_kinds("By kind of traffic, refined tier:", manifest.get("kinds_refined")),
    ]
    if refined:
        lines += ["The refined tier on the same prompts:", "", *_rows(refined), ""]
    if manifest["licensed_only"]:
        scope = "Only the corpora and models of the training data, fast tier:"
        lines += [scope, "", *_rows(manifest["metrics_in_scope"]), ""]
        if refined:
            refined_rows = _rows(manifest["metrics_refined_in_scope"])
            lines += ["The same, refined tier:", "", *refined_rows, ""]
    return lines


def _kinds(title: str, kinds: dict[str, dict[str, float]] | None) -> list[str]:
    """The metrics by kind of traffic; nothing where they were not measured."""
    rows = [
        f"| {name} | {row['prompts']:.0f} | {row['models']:.0f} | {row['tau']:.3f} | "
        f"{row['tau_pooled']:.3f} | {row['factor']:.2f} | {100 * row['coverage']:.1f} % |"
        for name, row in (kinds or {}).items()
    ]
    head = [
        "| kind | prompts | models | tau, mean over models | tau of all | actual / median | 80 % |",
        "|---|---|---|---|---|---|---|",
    ]
    return [title, "", *head, *rows, ""] if rows else []


_EXPLAINED = (
    "Kendall tau-b is between the typical forecast (the geometric mean, which orders jobs) and one "
    "random sample. MAE (of the median) and CRPS are in tokens. CRPS skill 0 is the distribution "
    "of the model's lengths over all prompts, 1 the other samples of the same prompt. Route: the "
    "model was trained on (`known`), is of a known family (`related`), or neither (`generic`)."
)


def _rows(metrics: dict[str, dict[str, Any]]) -> list[str]:
    rows = [
        "| model | route | Kendall tau | MAE | CRPS | CRPS skill | 80 % coverage | prompts |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in metrics.items():
        rows.append(
            f"| {name} | {row.get('route', '')} | {row['tau']:.3f} | {row['mae']:.0f} | "
            f"{row['crps']:.0f} | {row['crps_skill']:.2f} | {100 * row['coverage']:.1f} % | "
            f"{row['prompts']:.0f} |"
        )
    return rows


def _limits() -> list[str]:
    return [
        "## Limits",
        "",
        "- Kinds of traffic outside the table are forecast from what they have in common with it,",
        "  with wider intervals. Recalibrate on your own traffic: the gateway does while serving.",
        "- Images, audio and answers in several sequences are not in the training data.",
        "- The training data has one sampling temperature for each model. The forecast ignores the",
        "  temperature of a request.",
        "- A forecast for a model that was not trained on is less accurate, with a wider interval.",
        "",
    ]
