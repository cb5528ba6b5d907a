"""Paired comparisons of variants; part of results.json."""

from typing import Literal

from repro.records.base import Record


class ComparisonRecord(Record):
    """The difference of a metric between two variants on the same test images: first less second."""

    first: str
    second: str
    #: None for the mean over all categories.
    category: str | None
    metric: Literal["image_auroc"]
    #: Of the means over seeds.
    difference: float
    #: The central 95 % over resamples of the test images, which both variants share.
    low: float
    high: float
    #: Two-sided, that the difference is zero; adjusted by Holm for all comparisons of the study.
    p_adjusted: float
    #: The difference that so many images would show with a power of 80 %, at a level of 5 % without adjustment.
    detectable: float
