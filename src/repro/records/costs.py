"""The records of timings.json and bench.json: what steps and runs took on a machine, which is no part of a result."""

from typing import Literal

from repro.records.base import Record


class Cost(Record):
    """An entry of timings.json: what a stage took, of one cell or for the study."""

    seconds: float
    #: Most memory that the stage held.
    peak_mb: float


class CostPair(Record):
    """What one step costs in anomalib and here, measured in one run on one machine."""

    #: For example `coreset-20480`; begins with `coreset`, `efficientad` or `nearest`.
    name: str
    anomalib_seconds: float
    seconds: float
    #: anomalib's time over ours.
    ratio: float
    #: The part of anomalib's work that was measured and scaled to the whole; 1 where all was.
    measured_share: float
    #: What a plain computation needs for its multiplications and additions at the measured rate of a matrix product.
    floor_seconds: float
    #: Points to select from, where the step is a coreset.
    points: int | None = None


class Latency(Record):
    """What a model takes from one image in memory to its map and score; see `repro.costs.latency`."""

    #: For example `efficientad` or `patchcore`.
    model: str
    #: Side of the image that the network takes, in pixels.
    image_size: int
    #: Name of the processor or of the GPU.
    hardware: str
    #: CPU threads.
    threads: int
    precision: str
    batch: Literal[1]
    #: Rounds before those that count.
    warm_up: int
    rounds: int
    median_seconds: float
    p95_seconds: float


class RunCost(Record):
    """What the stages of a study took, and where."""

    processor: str
    threads: int
    devices: tuple[str, ...]
    #: By `stage` or `stage cell`.
    costs: dict[str, Cost]


class PublishedCost(Record):
    """What the costly steps of one model of the published study take on the official images, scaled from the pairs."""

    #: `efficientad`: its training steps. `patchcore`: its coresets.
    model: Literal["efficientad", "patchcore"]
    anomalib_seconds: float
    seconds: float


class Bench(Record):
    """bench.json: what the costly steps take; a measurement of a machine, not part of any result."""

    schema_version: Literal[1]
    processor: str
    threads: int
    packages: dict[str, str]
    #: Operations a second of a large matrix product in float32, in thousand millions.
    rate: float
    pairs: tuple[CostPair, ...]
    #: All of one machine; none where they were not measured.
    latencies: tuple[Latency, ...] = ()
    #: Of both models; none where a step of either was not measured.
    published: tuple[PublishedCost, ...] = ()
    #: By study: what the reports beside it took when the file was made.
    runs: dict[str, RunCost]
