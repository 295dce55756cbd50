"""Estimates say how sure they are, receipts take one outcome, and the model learns from it."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from maily.analytics import Analytics, AsyncAnalytics, Features
from maily.errors import Code, Conflict, Invalid, NotFound

SUBJECTS = {
    "offer": Features(subject="20% off, today only"),
    "plain": Features({"plan": "free", "opens_30d": 4}, subject="Your invoice"),
}


def test_model_without_labels_says_that_it_is_cold() -> None:
    estimate = Analytics().score(SUBJECTS["offer"])

    assert estimate.cold
    assert (estimate.low, estimate.high) == (0.0, 1.0)


def test_estimate_learns_the_rate_and_holds_it() -> None:
    analytics = Analytics()
    random = Random(1)
    for _ in range(2000):
        analytics.learn(SUBJECTS["offer"], random.random() < 0.25)

    estimate = analytics.score(SUBJECTS["offer"])

    assert not estimate.cold
    assert 0.0 <= estimate.low <= estimate.probability <= estimate.high <= 1.0
    assert estimate.low < 0.25 < estimate.high


def test_receipt_takes_one_outcome() -> None:
    analytics = Analytics(seed=1)
    advice = analytics.recommend(SUBJECTS)

    analytics.settle(advice.id, True)
    with pytest.raises(Conflict) as again:
        analytics.settle(advice.id, True)

    assert again.value.code == Code.OUTCOME_DUPLICATE
    assert advice.chosen in SUBJECTS
    assert sum(ranked.propensity for ranked in advice.ranking) == pytest.approx(1.0)
    assert analytics.recommend(SUBJECTS).model == "coin/1@1"


def test_unknown_receipt_is_not_found() -> None:
    with pytest.raises(NotFound):
        Analytics().settle("nobody", True)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e39])
def test_value_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(Invalid) as refused:
        Features({"x": value})

    assert refused.value.code == Code.FEATURES_INVALID


def test_question_without_candidates_is_refused() -> None:
    with pytest.raises(Invalid) as refused:
        Analytics().recommend({})

    assert refused.value.code == Code.CANDIDATES_INVALID


def test_setting_out_of_range_is_refused() -> None:
    with pytest.raises(Invalid) as refused:
        Analytics(exploration=1.5)

    assert refused.value.violations[0].pointer == "/recommend/exploration"


def test_asynchronous_half_does_the_same() -> None:
    async def journey() -> float:
        analytics = AsyncAnalytics(seed=1)
        advice = await analytics.recommend(SUBJECTS)
        await analytics.settle(advice.id, True)
        await analytics.learn(SUBJECTS["plain"], False)
        return (await analytics.score(SUBJECTS["plain"])).probability

    assert 0.0 < asyncio.run(journey()) < 1.0
