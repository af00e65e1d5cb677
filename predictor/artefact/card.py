"""The model card: the data, the accuracy and the limits of a published model."""

from __future__ import annotations

from typing import Any

LICENCES = {
    "Alpaca": "CC-BY-NC-4.0",
    "Apps": "MIT",
    "BigCodeBench": "Apache-2.0",
    "DS1000": "CC-BY-SA-4.0",
    "DollyDataset": "CC-BY-SA-3.0",
    "Mbpp": "CC-BY-4.0",
    "ShareGPT": "unclear",
}
"""Licences of the prompts by corpus of CASTILLO."""


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
    corpora = [f"{name} ({LICENCES.get(name, 'unknown')})" for name in manifest["corpora"]]
    licensed = (
        "The training data has only prompts and answers whose licences allow to distribute a "
        "trained model: no Alpaca (non-commercial), no ShareGPT (unclear), and no models whose "
        "licences put conditions on models trained from their outputs. Dolly and DS1000 are "
        "CC-BY-SA: the published model holds weights summed over all prompts and, for some "
        "prompts, counts such as lines and digits and the mean vector of the words. No text can "
        "be read back from these."
        if manifest["licensed_only"]
        else "The training data is all of CASTILLO, with Alpaca (non-commercial) and ShareGPT "
        "(unclear). The model is for your own use; read the licences of Alpaca and ShareGPT before "
        "you redistribute the model."
    )
    return [
        "## Data",
        "",
        f"{manifest['data']}, by its authors (Perez-Ramirez, Kostic, Boman).",
        f"Trained on {manifest['training_samples']} sampled answers to "
        f"{manifest['training_prompts']} prompts.",
        "",
        f"- Prompts: {', '.join(corpora)}.",
        f"- Answers of: {', '.join(manifest['models'])}.",
        *([f"- Text encoder of the refined tier: {encoder}."] if encoder else []),
        *(
            f"- Effects of prompts on the length of other models' answers: {name}."
            for name in manifest.get("auxiliary", [])
        ),
        "- Word vectors: token embeddings of all-MiniLM-L6-v2 (Apache-2.0).",
        "",
        licensed,
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
        f"Measured on {held['prompts']} held-out prompts of all corpora. Rule for holding out: "
        f"{held['rule']} `{held['threshold']}`. {note}",
        "",
        *_rows(metrics),
        "",
        _EXPLAINED,
        "",
        f"Kendall tau within a corpus: {corpora}.",
        "",
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
        "- The training data is English and code, one turn, without system prompts. Other traffic",
        "  needs recalibration.",
        "- The answers in the training data end below 15,000 tokens; reasoning models exceed that.",
        "- The training data has one sampling temperature for each model. The forecast ignores the",
        "  temperature of a request.",
        "- A forecast for a model that was not trained on is less accurate, with a wider interval.",
        "",
    ]
