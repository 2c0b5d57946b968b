"""The address of a lesson, where it names no element of the result, and while the page is open."""

import pytest

pytest.importorskip("selenium")

from lesson_page import Page, written

pytestmark = pytest.mark.browser


@pytest.fixture(autouse=True)
def fresh_console(chromium):
    """Forget the errors of other tests."""
    chromium.get_log("browser")


@pytest.mark.parametrize(
    "fragment",
    [
        "",
        "#",
        "#at=",
        "#at=9,9",
        "#at=0",
        "#at=0,0,0",
        "#at=-1,0",
        "#at=a",
        "#at=1e400,0",
        "#at=%3Cscript%3Ealert(1)%3C/script%3E,0",
        "#x=1",
    ],
)
def test_an_address_without_such_an_element_opens_the_page_all_the_same(lesson_of, fragment):
    page, _ = lesson_of("conv-notes")
    page.driver.get("about:blank")
    page.driver.get(f"{page.path.as_uri()}{fragment}")
    assert len(page.facts().of("result")) == 4
    assert ("result", (1, 0)) in page.point_at("result", (1, 0)).current
    assert not page.errors()


def test_the_address_may_change_while_the_page_is_open(lesson_of, steps_of):
    page, _ = lesson_of("conv-groups-batch-float32")
    page.open((0, 0, 0, 0))
    for at in ((1, 3, 0, 1), (0, 2, 0, 0)):
        page.driver.execute_script(f"location.hash = 'at={written(at)}'")
        facts = page.facts_when("result", at)
        assert facts.current == [("result", at)]
        assert facts.lit("input") == steps_of(page.path.stem)[at].reads


def test_a_scalar_has_a_page(command, folder, chromium):
    assert command.text("dropout", "-p", "0", "3", "--lesson", "scalar.html") == "3.0\n"
    page = Page(chromium, folder / "scalar.html")
    assert "3" in page.open().formula
    assert not page.errors()
