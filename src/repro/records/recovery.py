"""How well anomaly maps were recovered from the study's result images; part of results.json."""

from repro.records.base import Record, Score


class RecoveryRecord(Record):
    """One model on one category; pixels count where a map, its colour and its image are all seen."""

    #: Distance of a pixel's colour from the nearest of the colour table, in levels of 255: mean and 99th percentile.
    mean_distance: float
    p99_distance: float
    #: Of the pixels away from the edges of the predicted mask, the share where the map is on the mask's side of 0.5.
    agreement: Score
    #: How many of the 256 levels occur.
    levels: int
    #: Shares of the pixels at the lowest and at the highest level, where values were cut off.
    at_lowest: Score
    at_highest: Score
    #: Share of the pixels so near the threshold that the predicted mask decided on which side they are.
    at_threshold: Score
    #: Mean difference between the heat map, drawn again from what was recovered, and the published one, of 255.
    redrawn: float
    #: F1 of the predicted masks, as the study published them, against the ground truth.
    mask_f1: Score
