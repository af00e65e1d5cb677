"""The model card: what a model was trained on, and under which licences."""

from typing import Any

from predictor.artefact.card import model_card


def manifest(**parts: Any) -> dict[str, Any]:
    """The manifest of a model without held-out prompts; ``parts`` differ."""
    sources = {
        "tea_chat": {
            "title": "Talks on tea (tea_chat)",
            "licence": "CC-BY-4.0",
            "prompts": 321,
            "models": 7,
            "samples": 654,
            "share": 0.1234,
        },
        "own": {
            "title": "own",
            "licence": "your own data",
            "prompts": 10,
            "models": 1,
            "samples": 20,
            "share": 0.8766,
        },
    }
    return {
        "data": "some folder",
        "training_samples": 674,
        "training_prompts": 331,
        "sources": sources,
        "models": ["acme-7b"],
        "auxiliary": [],
        "licensed_only": True,
        "metrics": {},
        "held_out": {"prompts": 0, "rule": "", "threshold": ""},
        "held_out_in_training": False,
        "tau_by_corpus": {},
        **parts,
    }


def test_each_source_has_its_title_licence_counts_and_share() -> None:
    card = model_card(manifest())
    assert "| Talks on tea (tea_chat) | CC-BY-4.0 | 321 | 7 | 654 | 12.3 % |" in card
    assert "| own | your own data | 10 | 1 | 20 | 87.7 % |" in card
    assert "674 sampled answers to 331 prompts" in card


def test_each_kind_has_its_accuracy_by_tier_where_it_was_measured() -> None:
    row = {"prompts": 9.0, "models": 3.0, "tau": 0.25, "tau_pooled": 0.5, "factor": 1.1}
    figures = {
        "tau": 0.3,
        "mae": 9.0,
        "crps": 8.0,
        "crps_skill": 0.2,
        "coverage": 0.8,
        "prompts": 9.0,
    }
    card = model_card(
        manifest(
            metrics={"mean": figures},
            metrics_in_scope={"mean": figures},
            kinds={"tea_chat": row | {"coverage": 0.77}},
        )
    )
    assert "By kind of traffic, fast tier:" in card
    assert "| tea_chat | 9 | 3 | 0.250 | 0.500 | 1.10 | 77.0 % |" in card
    assert "By kind of traffic, refined tier:" not in card


def test_the_card_says_what_is_stated_and_not_learned() -> None:
    card = model_card(manifest())
    for file in ("features/prior_table.py", "fast/location.py", "features/length_words.py"):
        assert f"`predictor/{file}`" in card


def test_a_model_for_own_use_says_so() -> None:
    assert "for your own use" in model_card(manifest(licensed_only=False))
    assert "for your own use" not in model_card(manifest())
