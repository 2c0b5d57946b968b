"""Text that means something in markup is shown as it is, in HTML and in SVG."""

from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from cnnops_cli.text.styled_lines import BOLD, PLAIN, Style
from cnnops_cli.views.view_files import html, svg

TEXT = """<i>&amp;</pre>"x"'"""
LINES = [[(TEXT, PLAIN)], [("a & b", BOLD), (" ", PLAIN), ("<script>", Style(background=53))]]


class Texts(HTMLParser):
    """Gathers the text of each element."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.texts = [], {}

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)


def test_html_shows_markup_as_text():
    parser = Texts()
    parser.feed(html(LINES))
    parser.close()
    assert parser.texts["title"] == [TEXT]
    assert parser.texts["i"] == ["a & b", "<script>"]
    assert "".join(parser.texts["pre"]).split("\n")[0] == TEXT
    assert "script" not in parser.texts


def test_svg_shows_markup_as_text():
    root = ElementTree.fromstring(svg(LINES))
    name = "{http://www.w3.org/2000/svg}"
    assert [element.text for element in root.iter(f"{name}title")] == [TEXT]
    assert [element.text for element in root.iter(f"{name}text")] == [TEXT, "a & b", "<script>"]


@pytest.mark.parametrize("write", [html, svg])
def test_a_title_is_the_first_line_however_it_is_styled(write):
    title = write([[("a<b", BOLD), (" & ", PLAIN), ("c", BOLD)]])
    assert "<title>a&lt;b &amp; c</title>" in title
