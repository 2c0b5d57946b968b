"""Where a view's numbers take an exponent, and where a legend's do."""

import pytest

from cnnops_cli.text.colours import Scale
from cnnops_cli.text.numbers import column_texts, short_text
from cnnops_cli.text.styled_lines import text_of
from cnnops_cli.views.legend import legend_lines
from cnnops_cli.views.room import Room


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([9_999_999.0, 1.0], ["9999999", "1"]),
        ([9_999_999.5, 1.0], ["9999999.5", "1.0"]),
        ([1e7, 1.0], ["1.0000e+07", "1.0000e+00"]),
        ([-9_999_999.0, 0.0], ["-9999999", "0"]),
        ([-1e7, 0.0], ["-1.0000e+07", "0.0000e+00"]),
        ([5.1e-5, 1.0], ["0.0001", "1.0000"]),
        ([4.9e-5, 1.0], ["4.9000e-05", "1.0000e+00"]),
        ([10_000_000, 1], ["10000000", "1"]),
    ],
)
def test_an_exponent_is_used_from_1e7_and_below_half_of_the_last_decimal(values, texts):
    assert column_texts(values) == texts


@pytest.mark.parametrize("sign", [1, -1])
def test_decimals_are_written_below_1e16(sign):
    below = 9_999_999_999_999_998.0
    assert short_text(sign * below, 2) == f"{sign * below:.2f}"
    assert short_text(sign * 1e16, 2) == f"{sign * 1e16:.2e}"
    assert column_texts([sign * below, 1.0], 1) == [f"{sign * below:.1f}", "1.0"]
    assert column_texts([sign * 1e16, 1.0], 1) == [f"{sign * 1e16:.1e}", "1.0e+00"]


@pytest.mark.parametrize(
    ("high", "text"),
    [
        (999.96, "1000"),
        (999.94, "999.9"),
        (1234.4, "1234"),
        (9999.9, "10000"),
        (12_345.4, "12345"),
        (9_999_999.0, "9999999"),
        (1e7, "1e+07"),
        (12_345_678.0, "1.235e+07"),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_legend_is_whole_from_a_thousand_to_ten_million(high, text, sign):
    scale = Scale(0, high) if sign > 0 else Scale(-high, 0)
    lines = legend_lines({"": scale}, ["each"], Room(200, 50, True), None, loud=False)
    shown = " ".join(map(text_of, lines)).split()
    assert shown == (["0", text, "each"] if sign > 0 else [f"-{text}", "0", "each"])
