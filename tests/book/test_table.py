"""Tables of text and formulas."""

import pytest

from ntklib.book import Table


def test_a_table_names_its_rows_and_finds_formulas() -> None:
    table = Table({"a & b": ["one <", "two"], "width": [r"$T^4 < \epsilon$ or more", "3"]}, "works")
    assert table._repr_html_() == (
        '<table class="works"><thead><tr><th scope="col">a &amp; b</th><th scope="col">width</th>'
        '</tr></thead><tbody><tr><th scope="row">one &lt;</th><td><span class="math">'
        r"\(T^4 &lt; \epsilon\)</span> or more</td></tr>"
        '<tr><th scope="row">two</th><td>3</td></tr></tbody></table>'
    )
    assert repr(table).splitlines()[-1] == "two | 3"


def test_columns_have_the_same_length() -> None:
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        Table({"a": ["one", "two"], "b": ["three"]})._repr_html_()
