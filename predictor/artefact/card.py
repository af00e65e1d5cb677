"""The model card: what a published model was made from and how good it is."""

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
"""Licences of the prompts, by corpus of CASTILLO."""


def model_card(manifest: dict[str, Any]) -> str:
    """The model card (Markdown) of the model described by ``manifest``."""
    return "\n".join(
        [
            "# A length predictor",
            "",
            "Predicts the distribution of an answer's length in tokens from the prompt and the",
            "model's name. Made by `lengthwise train`; `manifest.json` says the same to machines.",
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
        "Only prompts and answers whose licences let a trained model ship were used: no Alpaca "
        "(non-commercial), no ShareGPT (unclear), and only models whose licences put no condition "
        "on models trained from their outputs. Dolly and DS1000 are CC-BY-SA: what is published "
        "are weights summed over all prompts and, for some prompts, counts such as their lines and "
        "digits and the mean vector of their words, from which no text can be read back."
        if manifest["licensed_only"]
        else "All of CASTILLO was used, Alpaca (non-commercial) and ShareGPT (unclear) as well: "
        "for your own use; do not redistribute this model without looking at those licences."
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
        *(f"- How prompts change length over other models: {name}." for name in _others(manifest)),
        "- Vectors of words: token embeddings of all-MiniLM-L6-v2 (Apache-2.0).",
        "",
        licensed,
        "",
    ]


def _others(manifest: dict[str, Any]) -> list[str]:
    return list(manifest.get("auxiliary", []))


def _measured(manifest: dict[str, Any]) -> list[str]:
    metrics, held = manifest["metrics"], manifest["held_out"]
    if not metrics:
        return ["## Measured", "", "Nothing: no prompts were held out.", ""]
    note = (
        "The published model was then fitted again on all prompts, these included."
        if manifest["held_out_in_training"]
        else "They are not in its training."
    )
    refined = manifest.get("metrics_refined")
    corpora = ", ".join(f"{name} {tau:.2f}" for name, tau in manifest["tau_by_corpus"].items())
    lines = [
        "## Measured",
        "",
        f"On {held['prompts']} held-out prompts of all corpora: {held['rule']} "
        f"`{held['threshold']}`. {note}",
        "",
        *_lines(metrics),
        "",
        _EXPLAINED,
        "",
        f"Tau within a corpus: {corpora}.",
        "",
    ]
    if refined:
        lines += ["The refined tier, on the same:", "", *_lines(refined), ""]
    if manifest["licensed_only"]:
        scope = "Of these, on the corpora and models that it was trained on:"
        lines += [scope, "", *_lines(manifest["metrics_in_scope"]), ""]
        if refined:
            lines += ["Refined:", "", *_lines(manifest["metrics_refined_in_scope"]), ""]
    return lines


_EXPLAINED = (
    "Tau-b of the typical forecast (the geometric mean, by which jobs are ordered) against one "
    "random sample; MAE (of the median) and CRPS in tokens; skill 0 is the model's marginal, 1 the "
    "other samples of the same prompt. Route: `known` was trained on, `related` starts from its "
    "family, `generic` from nothing."
)


def _lines(metrics: dict[str, dict[str, Any]]) -> list[str]:
    lines = [
        "| model | route | Kendall tau | MAE | CRPS | CRPS skill | 80 % coverage | prompts |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, line in metrics.items():
        lines.append(
            f"| {name} | {line.get('route', '')} | {line['tau']:.3f} | {line['mae']:.0f} | "
            f"{line['crps']:.0f} | {line['crps_skill']:.2f} | {100 * line['coverage']:.1f} % | "
            f"{line['prompts']:.0f} |"
        )
    return lines


def _limits() -> list[str]:
    return [
        "## Limits",
        "",
        "- English and code, one turn, no system prompt: other traffic is a shift. Recalibrate.",
        "- Answers end by themselves below 15,000 tokens; reasoning models run longer.",
        "- One sampling temperature a model: the temperature of a request is not looked at.",
        "- A forecast of a model that was not trained on says less, and its interval is wider.",
        "",
    ]
