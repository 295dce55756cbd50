"""The core `analytics`: estimates with honest confidence, and recommendations with receipts.

    >>> from maily.analytics import Analytics, Features
    >>> analytics = Analytics(seed=7)
    >>> advice = analytics.recommend({
    ...     "offer": Features(subject="20% off, today only"),
    ...     "plain": Features({"plan": "free", "opens_30d": 4}, subject="Your invoice"),
    ... })
    >>> advice.estimate.cold, advice.propensity
    (True, 0.5)
    >>> analytics.settle(advice.id, True)
"""

from maily import _maily

Analytics = _maily.analytics.Analytics
AsyncAnalytics = _maily.analytics.AsyncAnalytics
Estimate = _maily.analytics.Estimate
Features = _maily.analytics.Features
Ranked = _maily.analytics.Ranked
Recommendation = _maily.analytics.Recommendation

__all__ = ["Analytics", "AsyncAnalytics", "Estimate", "Features", "Ranked", "Recommendation"]
