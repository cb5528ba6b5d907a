import re
from pathlib import Path

import pytest

from repro.claims.published import CLAIMS, Published, published
from repro.errors import ReproError
from repro.runs import PROJECT_ROOT
from repro.stages.verdicts import BY_OUTPUTS, RULES


@pytest.fixture
def source() -> Published:
    return published()


def test_every_cell_of_the_published_tables_is_a_claim(source: Published) -> None:
    rules = [claim.rule for claim in source.claims]
    assert rules.count("value") == 2 * 3 * 4
    assert rules.count("receptive_field") == 6 * 6
    assert len({claim.id for claim in source.claims}) == len(source.claims)


def test_every_claim_has_a_place_a_rule_and_what_it_needs(source: Published) -> None:
    assert set(RULES) == {claim.rule for claim in source.claims}
    outputs = {f"outputs_{rule}" for rule in BY_OUTPUTS}
    assert set(RULES) <= set(source.rules) <= set(RULES) | outputs
    assert all(claim.place.startswith(tuple("2345")) or "section" in claim.place for claim in source.claims)
    assert all(claim.statement.endswith(".") and claim.needs and claim.published for claim in source.claims)


def test_the_published_tables_support_the_claims_about_them(source: Published) -> None:
    sentences = {claim.id: source.holds(claim) for claim in source.claims if claim.greater or claim.lowest}
    assert len(sentences) == 10
    assert set(sentences.values()) == {True}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("patchcore-image-f1-above", {"patchcore.tile.image_f1": 0.86}),
        ("patchcore-pixel-auroc-highest", {"patchcore.tile.pixel_auroc": 0.97}),
        ("efficientad-pixel-f1-lowest", {"efficientad.grid.pixel_f1": 0.41}),
        ("efficientad-leather-weaker", {"efficientad.leather.image_auroc": 0.8656}),
    ],
)
def test_other_tables_would_not(source: Published, name: str, change: dict[str, float]) -> None:
    other = Published(source.claims, source.rules, source.configuration, source.scores | change)
    (claim,) = [claim for claim in source.claims if claim.id == name]
    assert other.holds(claim) is False


def test_a_claim_on_code_has_no_table_to_agree_with(source: Published) -> None:
    assert [source.holds(claim) for claim in source.claims if claim.id == "blur"] == [None]


def test_published_values_are_in_no_other_module() -> None:
    values = {f"{value:.4f}" for value in published().scores.values()}
    for path in (PROJECT_ROOT / "src" / "repro").rglob("*.py"):
        assert not values & set(re.findall(r"0\.\d{4}", path.read_text(encoding="utf-8"))), path


def edited(folder: Path, old: str, new: str) -> Path:
    text = CLAIMS.read_text(encoding="utf-8")
    assert old in text
    path = folder / "claims.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('rule = "blur"', 'rule = "sharpen"', "blur: no rule sharpen with a text"),
        ('id = "efficientnet"', 'id = "blur"', "blur is claimed twice"),
        ('blur = "Refuted', 'blurred = "Refuted', "blur: no rule blur with a text; rules are value, order, lowest, "),
        ("epochs = 3\n\n[[claim]]", "\n[[claim]]", "patchcore-epochs: epochs is missing"),
        ('model = "patchcore"\nepochs = 3\n', "", "patchcore-epochs: model and epochs is missing"),
        (
            '{ "efficientad.grid.image_auroc" =',
            '{ "efficientad.wood.image_auroc" =',
            "efficientad.wood.image_auroc is not",
        ),
        (
            'lowest = "efficientad.leather',
            'lowest = "efficientad.wood',
            "efficientad.wood.pixel_f1 is not in the tables",
        ),
        ('["patchcore.grid.image_f1", 0.', '["patchcore.wood.image_f1", 0.', "patchcore.wood.image_f1 is not in the"),
        ("image_auroc = 0.9833", "image_auroc = 9.833", "less than or equal to 1"),
        ("[rules]", "[rules", "cannot be read"),
        ("[receptive_field]", "[receptive_fields]", "receptive_field: Field required"),
    ],
)
def test_a_claim_that_cannot_be_judged_is_refused_with_its_place(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    path = edited(tmp_path, old, new)
    with pytest.raises(ReproError, match=re.escape(message)) as error:
        published(path)
    assert str(error.value).startswith(f"{path}: ")
    assert str(error.value).endswith("; correct the file of claims")
