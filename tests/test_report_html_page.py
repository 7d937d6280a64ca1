"""Blocks whose text and targets come from outside stay text and stay here."""

import html.parser

import pytest

from ethnicmer_jax.report.html_page import Document, Link, Section, render


class Anchors(html.parser.HTMLParser):
    """(href, text) of every link."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.href = None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.href = dict(attrs).get("href") if tag == "a" else None

    def handle_data(self, data):
        if self.href is not None:
            self.found.append((self.href, data))
            self.href = None


def test_a_link_leads_to_a_file_beside_the_page_and_is_escaped():
    block = Link("Maps <b>are</b> at:", "a & <i>", '../maps/"of" it.html')
    page = render(Document("T", "Q?", [], [Section("s", "S", [block])]))
    assert ('../maps/"of" it.html', "a & <i>") in Anchors(page).found
    assert "<b>" not in page
    assert "<i>" not in page


@pytest.mark.parametrize(
    "href", ["https://a.org/x", "//a.org/x", "/etc/x", "javascript:alert(1)", "", "#top"]
)
def test_a_link_leads_nowhere_else(href):
    with pytest.raises(ValueError, match="relative path"):
        Link("see", "there", href)
