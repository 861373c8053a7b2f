"""Tables whose content is known only when every page has been read."""

from collections.abc import Sequence

from docutils import nodes

Cell = Sequence[nodes.Node]


def table(titles: Sequence[str], rows: Sequence[Sequence[Cell]], kind: str) -> nodes.table:
    """Returns a table.

    Args:
        titles: of its columns.
        rows: the nodes in each cell.
        kind: the table's class, for style sheets.
    """
    group = nodes.tgroup("", cols=len(titles))
    group += [nodes.colspec("", colwidth=1) for _ in titles]
    header = [[nodes.paragraph("", title)] for title in titles]
    for part, content in ((nodes.thead(), [header]), (nodes.tbody(), rows)):
        part += [nodes.row("", *(nodes.entry("", *cell) for cell in row)) for row in content]
        group += part
    return nodes.table("", group, classes=[kind])
