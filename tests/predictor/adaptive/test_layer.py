"""The adaptive layer as its users see it."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from predictor.adaptive import AdaptiveLayer, AdaptiveSettings
from predictor.prompt import Prompt
from tests.predictor.adaptive.builders import ask, raw_forecast, teach, words


def medians(adaptive: AdaptiveLayer, *locations: float) -> list[float]:
    return [ask(adaptive, f"new {x}", x).length.quantile(0.5) for x in locations]


def test_before_any_answer_the_forecast_is_the_predictors() -> None:
    said = raw_forecast(4.0, 6.5)
    forecasts = AdaptiveLayer().adapt([Prompt("m", "one", 300), Prompt("m", "two")], said)
    for forecast, plain in zip(forecasts, said.distributions([300, None]), strict=True):
        assert forecast.length.tokens == pytest.approx(plain.tokens)
        assert forecast.length.mass == pytest.approx(plain.mass)


def test_a_constant_error_of_the_predictor_is_learned() -> None:
    adaptive = AdaptiveLayer()
    teach(adaptive, 200, np.random.default_rng(0), offset=0.8)
    low, high = medians(adaptive, 5.0, 6.0)
    assert low == pytest.approx(np.exp(5.8), rel=0.12)
    assert high == pytest.approx(np.exp(6.8), rel=0.12)


def test_without_skill_the_forecast_becomes_the_recent_lengths_whatever_the_prompt() -> None:
    adaptive = AdaptiveLayer()
    rng = np.random.default_rng(1)
    teach(adaptive, 100, rng)
    before = np.log(medians(adaptive, 4.5, 6.5))
    teach(adaptive, 600, rng, slope=0.0, offset=1.0)
    during = np.log(medians(adaptive, 4.5, 6.5))
    teach(adaptive, 600, rng)
    after = np.log(medians(adaptive, 4.5, 6.5))
    assert before[1] - before[0] > 1.7
    assert during == pytest.approx([6.5, 6.5], abs=0.25)
    assert after[1] - after[0] > 1.7


@pytest.mark.parametrize("noise", [0.15, 1.0])
def test_intervals_follow_the_errors_that_are_made(noise: float) -> None:
    adaptive = AdaptiveLayer()
    inside = teach(adaptive, 900, np.random.default_rng(2), noise=noise)
    assert np.mean(inside[:8]) != pytest.approx(0.8, abs=0.1)
    assert np.mean(inside[300:]) == pytest.approx(0.8, abs=0.04)


def test_coverage_is_back_within_300_answers_of_a_silent_change() -> None:
    late = []
    for seed in range(5):
        adaptive, rng = AdaptiveLayer(), np.random.default_rng(seed)
        teach(adaptive, 300, rng)
        first = teach(adaptive, 10, rng, offset=-1.5, noise=0.6)
        assert np.mean(first) < 0.5
        late += teach(adaptive, 290, rng, offset=-1.5, noise=0.6)[110:]
    assert np.mean(late) == pytest.approx(0.8, abs=0.05)


def test_models_do_not_learn_from_each_other() -> None:
    adaptive = AdaptiveLayer()
    teach(adaptive, 200, np.random.default_rng(3), offset=1.0, model="other")
    assert ask(adaptive, "new", 5.0).location == pytest.approx(5.0)


def test_a_model_unknown_to_the_predictor_is_corrected_sooner() -> None:
    shifts = []
    for known in (True, False):
        adaptive = AdaptiveLayer()
        for at in range(6):
            forecast = ask(adaptive, f"{'abcdef'[at]} x", 5.0, known=known)
            adaptive.learn(forecast, 400, censored=False)
        shifts.append(ask(adaptive, "q", 5.0, known=known).location - 5.0)
    assert 0 < shifts[0] < shifts[1] < 1.0


def test_the_rate_of_endless_answers_is_learned() -> None:
    adaptive = AdaptiveLayer()
    for at in range(400):
        forecast = ask(adaptive, f"{at}", 5.0)
        adaptive.learn(forecast, 15_000 if at % 10 == 0 else 150, censored=at % 10 == 0)
    forecast = ask(adaptive, "next", 5.0)
    assert 0.03 < forecast.endless < 0.1
    assert forecast.length.quantile(0.5) < 300


def test_answers_cut_at_max_tokens_do_not_make_forecasts_shorter() -> None:
    adaptive, rng = AdaptiveLayer(), np.random.default_rng(4)
    for _ in range(400):
        location = float(rng.normal(5.5, 0.5))
        text = words(rng)
        forecast = ask(adaptive, text, location)
        tokens = round(float(np.exp(location + 0.5 * rng.standard_normal())))
        adaptive.learn(forecast, min(tokens, 200), censored=tokens > 200)
    assert ask(adaptive, "next", 5.5).length.quantile(0.5) == pytest.approx(245, rel=0.2)


def test_an_answer_that_a_client_cancelled_at_once_teaches_nothing() -> None:
    adaptive = AdaptiveLayer()
    for _ in range(5):
        adaptive.learn(ask(adaptive, "same", 6.0), 1, censored=True)
    assert ask(adaptive, "same", 6.0).location == pytest.approx(6.0, abs=0.2)


def test_memory_is_bounded_whatever_clients_send() -> None:
    settings = AdaptiveSettings(capacity=100, models=5)
    adaptive = AdaptiveLayer(settings)
    for at in range(300):
        forecast = ask(adaptive, f"word{at} x{at}y", 5.0, model=f"model {at}")
        adaptive.learn(forecast, 100, censored=False)
    assert len(adaptive.history.memory) == 100
    assert len(adaptive.recent) == 5


def test_forecasts_are_distributions_whatever_was_learned() -> None:
    adaptive, rng = AdaptiveLayer(), np.random.default_rng(5)
    for _ in range(300):
        forecast = ask(adaptive, "x" * int(rng.integers(40)), float(rng.normal(5, 4)))
        tokens = int(rng.choice([0, 1, 2, 15_000, 10**7]))
        adaptive.learn(forecast, tokens, censored=bool(rng.integers(2)))
    assert np.isfinite(ask(adaptive, "y", 5.0).length.mean)


def test_another_tier_learns_its_own_errors_and_shares_the_prompts_answers() -> None:
    adaptive = AdaptiveLayer()
    prompt = Prompt("m", "the same")
    for _ in range(4):
        fast = adaptive.adapt([prompt], raw_forecast(5.0))[0]
        adaptive.learn(fast, 600, censored=False)
    refined = adaptive.adapt([prompt], raw_forecast(5.5), tier="refined")[0]
    assert refined.length.quantile(0.5) == pytest.approx(600, rel=0.1)
    new = adaptive.adapt([Prompt("m", "entirely new")], raw_forecast(5.5), tier="refined")[0]
    assert new.location == pytest.approx(5.5)


def test_another_predictor_starts_anew_but_prompts_keep_their_answers() -> None:
    adaptive = AdaptiveLayer()
    teach(adaptive, 200, np.random.default_rng(6), offset=1.0)
    adaptive.learn(ask(adaptive, "the same"), 600, censored=False)
    adaptive.rebase()
    assert ask(adaptive, "a new one", 5.0).location == pytest.approx(5.0)
    assert ask(adaptive, "the same", 5.5).length.quantile(0.5) == pytest.approx(600, rel=0.2)


def test_another_predictor_drops_the_errors_of_templates() -> None:
    adaptive = AdaptiveLayer()
    for number in range(30):
        adaptive.learn(ask(adaptive, f"Look up order {number} please"), 30, censored=False)
        adaptive.learn(ask(adaptive, words(np.random.default_rng(number))), 150, censored=False)
    learned = ask(adaptive, "Look up order 77 please", 5.0).location
    adaptive.rebase()
    assert learned < 4.5
    assert ask(adaptive, "Look up order 78 please", 5.0).location == pytest.approx(5.0)


def test_cut_answers_do_not_count_as_spread_within_a_prompt() -> None:
    adaptive = AdaptiveLayer()
    adaptive.learn(ask(adaptive, "the same"), 150, censored=False)
    before = adaptive.recent["fast", "m"].within_variance
    for _ in range(20):
        adaptive.learn(ask(adaptive, "the same"), 1500, censored=True)
    assert adaptive.recent["fast", "m"].within_variance == before


def test_threads_may_adapt_and_learn_at_once() -> None:
    adaptive = AdaptiveLayer()

    def work(seed: int) -> float:
        return float(np.mean(teach(adaptive, 150, np.random.default_rng(seed), offset=0.5)))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert adaptive.recent["fast", "m"].count == 600
    assert ask(adaptive, "new", 5.0).location == pytest.approx(5.5, abs=0.1)


def test_raw_forecasts_must_be_as_many_as_prompts_and_finite() -> None:
    adaptive = AdaptiveLayer()
    assert adaptive.adapt([], raw_forecast()) == []
    with pytest.raises(ValueError, match="2 prompts need as many raw forecasts, got 1"):
        adaptive.adapt([Prompt("m", "a"), Prompt("m", "b")], raw_forecast(5.0))
    with pytest.raises(ValueError, match="not finite"):
        adaptive.adapt([Prompt("m", "a")], raw_forecast(float("nan")))


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="window at least 16"):
        AdaptiveSettings(window=3)
