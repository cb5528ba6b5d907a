from example_report import verdicts

from repro.paper.figures.claims import STYLES, TOPICS, claims
from repro.records.verdicts import Verdict

JUDGED = [Verdict.model_validate(one) for one in verdicts("efficientad/grid/seed0")]


def test_the_alternative_text_counts_the_verdicts_of_each_topic() -> None:
    record, _ = claims(JUDGED)
    for topic, rules in TOPICS.items():
        words = [one.verdict for one in JUDGED if one.rule_name in rules]
        counted = ", ".join(f"{words.count(word)} {word}" for word in STYLES if word in words)
        assert (f"{topic}: {counted}" in record.alt) == bool(words)


def test_each_claim_is_a_square_of_its_verdict() -> None:
    _, draw = claims(JUDGED)
    squares = [patch for patch in draw().axes.patches if patch.get_edgecolor()[:3] == (1, 1, 1)]
    shown = [one for one in JUDGED if any(one.rule_name in rules for rules in TOPICS.values())]
    assert len(squares) == len(shown) > 0
