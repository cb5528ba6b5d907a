import pytest

from repro.models.layers import Layer, fields

SMALL = [("conv1", 4, 1), ("avgpool1", 2, 2), ("conv2", 4, 1), ("avgpool2", 2, 2), ("conv3", 3, 1), ("conv4", 4, 1)]
LISTED_PADDINGS = (3, 1, 3, 1, 1, 0)


def small(paddings: tuple[int, ...]) -> list[Layer]:
    return [Layer(*layer, padding) for layer, padding in zip(SMALL, paddings, strict=True)]


def test_sizes_with_the_paddings_of_the_published_table() -> None:
    # By hand: 256 + 6 - 4 + 1 = 259; (259 + 2 - 2) // 2 + 1 = 130; 130 + 6 - 3 = 133; (133 + 2 - 2) // 2 + 1 = 67;
    # 67 + 2 - 2 = 67; 67 - 3 = 64.
    assert [row.output for row in fields(small(LISTED_PADDINGS), 256)] == [259, 130, 133, 67, 67, 64]


def test_sizes_without_padding_as_trained() -> None:
    assert [row.output for row in fields(small((0,) * 6), 256)] == [253, 126, 123, 61, 59, 56]


@pytest.mark.parametrize("paddings", [LISTED_PADDINGS, (0,) * 6])
def test_jumps_and_fields_do_not_depend_on_padding(paddings: tuple[int, ...]) -> None:
    table = fields(small(paddings), 256)
    assert [row.jump for row in table] == [1, 2, 2, 4, 4, 4]
    assert [row.receptive_field for row in table] == [4, 5, 11, 13, 21, 33]


def test_the_first_window_without_padding_starts_at_the_image_border() -> None:
    last = fields(small((0,) * 6), 256)[-1]
    assert last.start == last.receptive_field / 2


def test_padding_shifts_the_first_window_outwards() -> None:
    # A convolution of 3 with padding 1 is centred on the first pixel.
    assert fields([Layer("same", 3, 1, 1)], 8)[0].start == 0.5


def test_dilation_widens_the_window() -> None:
    (row,) = fields([Layer("dilated", 3, 1, 0, dilation=4)], 20)
    assert (row.receptive_field, row.output) == (9, 12)


def test_a_window_may_be_as_large_as_the_input_with_its_padding() -> None:
    (row,) = fields([Layer("conv", 4, 1, 1)], 2)
    assert (row.output, row.receptive_field, row.start) == (1, 4, 1.0)
    with pytest.raises(ValueError, match=r"^conv: a window of 5 does not fit into 2 \+ 2 x 1$"):
        fields([Layer("conv", 5, 1, 1)], 2)


def test_a_window_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^conv4: a window of 4 does not fit into 2 \+ 2 x 0$"):
        fields([Layer("conv4", 4, 1, 0)], 2)
