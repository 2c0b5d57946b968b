"""Options of different rooms that meet in one call: what goes together, and what is refused."""

import pytest

CONV = ["conv", "-k", "[[1,10],[100,1000]]", "[[1,2,3],[4,5,6]]"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--explain", "--expect", "[[5421,6532]]"], "--explain has no result for --expect"),
        (["--dry-run", "--view", "x.svg"], "--dry-run has no result for --view"),
        (["--explain", "--with-input", "-f", "table"], "--with-input is part of the view, which"),
    ],
)
def test_what_replaces_the_result_leaves_nothing_to_show_or_check(cnnops, options, reason):
    assert cnnops.refusal(*CONV, *options).startswith(reason)
    assert not list(cnnops.folder.iterdir())


def test_letters_are_not_compared(cnnops):
    reason = cnnops.refusal("conv", "-k", "[[a]]", "[[1]]", "--expect", "[[1]]")
    assert reason == "--expect compares numbers, but --kernel has letters: leave --expect out"


def test_a_view_beside_a_check(cnnops):
    result = cnnops(*CONV, "--expect", "[[5421,6532]]", "--view", "x.txt")
    assert (result.status, result.out) == (0, b"")
    assert "5421" in (cnnops.folder / "x.txt").read_text()


def test_pictures_keep_their_suffix_in_a_directory_and_can_be_stretched(cnnops):
    for name in ("a.png", "b.png"):
        cnnops.text("dropout", "--eval", "[[10,20],[30,40]]", "-o", name)
    result = cnnops("maxpool", "-k", "1", "--stretch", "a.png", "b.png", "-o", "out/")
    assert (result.status, result.err) == (0, "")
    assert sorted(path.name for path in (cnnops.folder / "out").iterdir()) == ["a.png", "b.png"]
    stretched = cnnops.json("maxpool", "-k", "1", "out/a.png")
    assert stretched == "[[[0,85],[170,255]]]"
