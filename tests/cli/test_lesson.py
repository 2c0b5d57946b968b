"""`--lesson`: one page next to the result, that refers to nothing and is the same everywhere.

What the page shows is tested in a browser.
"""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from itertools import takewhile

import numpy as np
import pytest
from test_start import imported

IMAGE = "[[1,2,3,4],[5,6,7,8],[9,10,11,12]]"
NOTES = ["conv", "-k", "[[a,b],[c,d]]", "-s", "1,2", IMAGE]
CALLS = {
    "conv-letters": NOTES,
    "conv": ["conv", "-k", "[[0.5,-1]]", "-p", "1", "--padding-mode", "reflect", "-b", "2", IMAGE],
    "maxpool": ["maxpool", "-k", "2", "-p", "1", "--ceil-mode", "[[1,NaN,-Infinity],[3,3,5]]"],
    "batchnorm": ["batchnorm", "--weight", "[2,3]", "[[1,10],[3,31]]"],
    "batchnorm-eval": ["batchnorm", "--eval", "--running-mean", "1", "[[1,10],[3,31]]"],
    "dropout": ["dropout", "--seed", "4", IMAGE],
    "dropout-mask": ["dropout", "--mask", "[1,0]", "[1.5,2]"],
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


class Reader(HTMLParser):
    """All elements with their attributes, and the text of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict]] = []
        self.texts: list[list] = []  # [name, attributes, text] of each script and style
        self.comments: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag in ("script", "style"):
            self.texts.append([tag, dict(attributes), ""])

    def handle_data(self, data):
        if self.cdata_elem:
            self.texts[-1][2] += data

    def handle_comment(self, data):
        self.comments.append(data)


def lesson(cnnops, folder, *call, name="lesson.html", **options) -> str:
    """Make a lesson next to the usual result, and give the text of the page."""
    usual = cnnops.text(*call)
    assert cnnops.text(*call, "--lesson", name, **options) == usual
    return (folder / name).read_bytes().decode()


def policy_of(page: Reader) -> dict[str, list[str]]:
    """Return the directives of the page's Content-Security-Policy."""
    (policy,) = [
        attributes["content"]
        for tag, attributes in page.elements
        if tag == "meta"
        and (attributes.get("http-equiv") or "").lower() == "content-security-policy"
    ]
    directives = [directive.split() for directive in policy.split(";") if directive.strip()]
    assert len({name for name, *_ in directives}) == len(directives)
    return {name: sources for name, *sources in directives}


def is_code(tag: str, attributes: dict) -> bool:
    kind = (attributes.get("type") or "").lower()
    return tag == "style" or kind in ("", "module", "text/javascript", "application/javascript")


def hash_of(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@every_call
def test_one_page_next_to_the_result(cnnops, tmp_path, call):
    page = lesson(cnnops, tmp_path, *call)
    assert page.lower().startswith("<!doctype html>")
    assert page.rstrip().lower().endswith("</html>")
    assert [path.name for path in tmp_path.iterdir()] == ["lesson.html"]


def test_the_result_goes_where_it_does_without_a_lesson(cnnops, tmp_path):
    call = ["maxpool", "-k", "2", "[[1,2],[3,4]]"]
    for name in ("usual.npy", "taught.npy"):
        options = ["--lesson", "l.html"] if name == "taught.npy" else []
        assert cnnops.text(*call, "-o", name, *options) == ""
    assert (tmp_path / "usual.npy").read_bytes() == (tmp_path / "taught.npy").read_bytes()
    usual = cnnops(*call, "-f", "npy")
    assert cnnops(*call, "-f", "npy", "--lesson", "m.html") == usual
    assert (tmp_path / "l.html").read_bytes() == (tmp_path / "m.html").read_bytes()
    shown = cnnops.text(*call, "-f", "table")
    assert cnnops.text(*call, "-f", "table", "--lesson", "n.html") == shown


def test_other_files_are_written_too(cnnops, tmp_path):
    cnnops.text("maxpool", "-k", "1", "[[1,2]]", "--indices", "i.json", "--lesson", "a.html")
    cnnops.text("dropout", "--seed", "1", "[1,2]", "--mask-output", "m.json", "--lesson", "b.html")
    cnnops.text("batchnorm", "[[1],[3]]", "--save-state", "s.npz", "--lesson", "c.html")
    assert {path.name for path in tmp_path.iterdir()} == {
        *("a.html", "b.html", "c.html", "i.json", "m.json", "s.npz")
    }
    without = cnnops.text("batchnorm", "[[1],[3]]", "--save-state", "t.json", "-q")
    assert cnnops.text("batchnorm", "[[1],[3]]", "-q", "--lesson", "d.html") == without
    assert json.loads((tmp_path / "t.json").read_text())["running_var"] == [1.1]
    with np.load(tmp_path / "s.npz") as state:
        assert state["running_var"].tolist() == [1.1]


def test_an_expectation_that_fails_is_status_1_and_the_page_is_there(cnnops, tmp_path):
    call = ["maxpool", "-k", "1", "[[1]]", "--lesson", "l.html", "--expect"]
    assert cnnops(*call, "[[1]]").status == 0
    (tmp_path / "l.html").unlink()
    assert cnnops(*call, "[[2]]").status == 1
    assert (tmp_path / "l.html").exists()


@every_call
def test_the_same_bytes_from_elsewhere(cnnops, tmp_path, call):
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    page = lesson(cnnops, tmp_path, *call)
    assert page == lesson(cnnops, tmp_path, *call, "--threads", "1", name="one-thread.html")
    assert page == lesson(cnnops, tmp_path, *call, "--threads", "2", name="two-threads.html")
    cnnops.text(*call, "--lesson", "another-name.html", cwd=elsewhere)
    assert (elsewhere / "another-name.html").read_text() == page
    cnnops.text(*call, "--lesson", tmp_path / "absolute.html", "-o", "y.json", cwd=elsewhere)
    assert (tmp_path / "absolute.html").read_text() == page
    environment = {"TZ": "Asia/Tokyo", "LANG": "C", "COLUMNS": "40", "FORCE_COLOR": "1"}
    cnnops.text(*call, "--lesson", "dumb.html", "-o", "y.json", env=environment)
    assert (tmp_path / "dumb.html").read_text() == page


@pytest.mark.parametrize(
    "name",
    ["y.npy", "sub/x.npy", "</script><script>alert(1)</script>.npy", "<!--\u2028\"'&amp;.npy"],
)
def test_the_same_bytes_for_another_file_name(cnnops, tmp_path, name):
    image, kernel = np.arange(12, dtype=np.float32).reshape(3, 4), np.ones((2, 2), np.float32)
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    for path, array in (("x.npy", image), ("k.npy", kernel), (name, image), (f"{name}k", kernel)):
        with open(tmp_path / path, "wb") as file:
            np.save(file, array)
    page = lesson(cnnops, tmp_path, "conv", "-k", "k.npy", "x.npy")
    assert page == lesson(cnnops, tmp_path, "conv", "-k", f"{name}k", name, name="other.html")
    assert page == lesson(cnnops, tmp_path, "conv", "-k", "k.npy", tmp_path / name, name="b.html")
    for word in ("x.npy", "k.npy", name, str(tmp_path), tmp_path.name):
        assert word not in page


@every_call
def test_no_path_date_or_version(cnnops, tmp_path, call):
    from cnnops_cli import __version__

    page = lesson(cnnops, tmp_path, *call)
    assert "\r" not in page
    assert page.endswith("\n")
    assert str(tmp_path) not in page
    assert "lesson.html" not in page
    assert __version__ not in page
    assert not re.search(r"\b20[2-9]\d-?[01]\d-?[0-3]\d\b|cnnops_cli/|/home/|/usr/|/tmp/", page)


@every_call
def test_nothing_outside_is_referred_to(cnnops, tmp_path, call):
    text = lesson(cnnops, tmp_path, *call)
    page = Reader(text)
    for tag, attributes in page.elements:
        assert tag not in ("link", "base", "iframe", "object", "embed", "img", "form"), tag
        for name, value in attributes.items():
            assert name not in ("src", "srcset", "action", "style", "ping"), (tag, name)
            assert not name.startswith("on"), (tag, name)
            if name.endswith("href"):
                assert value.startswith("#"), (tag, name, value)
    assert not re.search(r"@import|@font-face|url\(|sourceMappingURL|//#", text)
    assert "http" not in re.sub(r"http-equiv|http://www\.w3\.org/[\w/]+", "", text)
    reach = (
        r"\bfetch\(|XMLHttpRequest|WebSocket|EventSource|sendBeacon|importScripts|import\(|eval\("
    )
    assert not re.search(reach + r"|localStorage|sessionStorage|\.cookie|window\.open", text)


@every_call
def test_the_policy_allows_the_own_script_and_style_by_hash_and_nothing_else(
    cnnops, tmp_path, call
):
    page = Reader(lesson(cnnops, tmp_path, *call))
    policy = policy_of(page)
    assert policy.pop("default-src") == ["'none'"]
    code = [(tag, text) for tag, attributes, text in page.texts if is_code(tag, attributes)]
    scripts = {hash_of(text) for tag, text in code if tag == "script"}
    styles = {hash_of(text) for tag, text in code if tag == "style"}
    assert scripts
    assert styles
    assert set(policy.pop("script-src")) == scripts
    assert set(policy.pop("style-src")) == styles
    assert all(sources == ["'none'"] for sources in policy.values()), policy
    names = [tag for tag, _ in page.elements]
    before = list(takewhile(lambda tag: tag not in ("script", "style"), names))
    assert "meta" in before


@every_call
def test_every_script_is_code_or_data_that_is_json(cnnops, tmp_path, call):
    text = lesson(cnnops, tmp_path, *call)
    page = Reader(text)
    assert text.lower().count("<script") == text.lower().count("</script")
    assert text.lower().count("<script") == sum(tag == "script" for tag, _ in page.elements)
    for tag, attributes, content in page.texts:
        if not is_code(tag, attributes):
            assert "json" in attributes["type"]
            json.loads(content, parse_constant=pytest.fail)
            assert "<" not in content
            assert not set(content) & set("\u2028\u2029")


def test_letters_of_any_script_stay_letters(cnnops, tmp_path):
    names = ["é", "变量", "ﬁ", "ª", "x_1", "a" * 40]
    call = ["maxpool", "--dims", "1", "-k", "6", f"[{','.join(names)}]"]
    text = lesson(cnnops, tmp_path, *call)
    (data,) = [content for _, attributes, content in Reader(text).texts if attributes.get("type")]
    written = json.dumps(json.loads(data), ensure_ascii=False) + text
    for name in names:
        assert name in written


@pytest.mark.parametrize(
    "name", ["</script>", "a<b", "<!--", "a\u2028b", "a\\u2028b", "a'b", 'a\\"b', "&lt;", "a b"]
)
def test_what_could_break_out_is_no_letter(cnnops, tmp_path, name):
    assert "which is not a name for a number" in cnnops.refusal(
        "conv", "-k", "[1]", f'["{name}"]', "--lesson", "l.html"
    )
    assert not (tmp_path / "l.html").exists()


def test_a_lesson_is_made_of_relu_too(cnnops, tmp_path):
    call = ["conv", "-k", "[[1,-1]]", "[[1,2,0]]"]
    assert lesson(cnnops, tmp_path, *call) != lesson(
        cnnops, tmp_path, *call, "--relu", name="r.html"
    )


def test_what_has_no_lesson_is_refused_by_name(cnnops, tmp_path):
    (tmp_path / "a.json").write_text("[[1]]")
    (tmp_path / "b.json").write_text("[[1]]")
    for arguments in (["a.json", "b.json", "-o", "out/"], ["--lines"], ["a.json", "--dry-run"]):
        reason = cnnops.refusal("maxpool", "-k", "1", *arguments, "--lesson", "l.html", stdin="")
        assert "--lesson" in reason or "l.html" in reason
    assert {path.name for path in tmp_path.iterdir()} == {"a.json", "b.json"}


@pytest.mark.parametrize("name", ["l.htm", "l.svg", "l.json", "l", "l.html.txt", "html"])
def test_a_lesson_is_html(cnnops, tmp_path, name):
    reason = cnnops.refusal("maxpool", "-k", "1", "[[1]]", "--lesson", name)
    assert ".html" in reason
    assert name in reason
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("name", ["missing/l.html", "file.json/l.html", "folder.html"])
def test_a_page_that_cannot_be_written_leaves_nothing(cnnops, tmp_path, name):
    (tmp_path / "file.json").write_text("[[1]]")
    (tmp_path / "folder.html").mkdir()
    before = {path.name for path in tmp_path.iterdir()}
    reason = cnnops.refusal(
        "maxpool", "-k", "1", "file.json", "-o", "y.npy", "--indices", "i.npy", "--lesson", name
    )
    assert name.split("/")[0] in reason
    assert {path.name for path in tmp_path.iterdir()} == before


def test_one_file_cannot_be_two_things(cnnops, tmp_path):
    call = ["maxpool", "-k", "1", "[[1]]", "--lesson", "l.html"]
    assert "l.html" in cnnops.refusal(*call, "--view", "l.html")
    assert "l.html" in cnnops.refusal(*call, "--view", "./l.html")
    assert "l.html" in cnnops.refusal(*call, "-o", "l.html")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    "call",
    [
        ["conv", "-k", "[[1,2],[3,4]]", "[[1]]"],
        ["conv", "-k", "[[1]]", "missing.npy"],
        ["batchnorm", "[[1,2]]"],
        ["dropout", "-p", "2", "[1]"],
        ["maxpool", "-k", "3", "[[1]]"],
    ],
    ids=lambda call: call[0],
)
def test_an_error_leaves_the_old_page(cnnops, tmp_path, call):
    (tmp_path / "l.html").write_text("old")
    reason = cnnops.refusal(*call)
    assert cnnops.refusal(*call, "--lesson", "l.html") == reason
    assert (tmp_path / "l.html").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["l.html"]


def test_an_old_page_is_replaced(cnnops, tmp_path):
    (tmp_path / "l.html").write_text("old" * 100_000)
    assert "old" * 10 not in lesson(cnnops, tmp_path, *NOTES, name="l.html")


@pytest.mark.parametrize("name", ["conv", "maxpool", "batchnorm", "dropout"])
def test_a_small_call_imports_nothing_of_lessons(executable, name):
    modules, _ = imported(executable, *CALLS[name])
    assert not {module for module in modules if "lesson" in module}


def test_the_package_knows_lesson_without_importing_it(executable):
    modules, _ = imported(executable, "--version")
    assert not {module for module in modules if "lesson" in module}
