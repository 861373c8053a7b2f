"""Folds code that is plumbing, under a line that says what it does: imports, figures, records.

The lines that carry the mathematics stay open, without the assertions that guard them, which are
folded below. Notebooks aren't touched, so that JupyterLab shows all of their code, in its order.
"""

import ast
import re
from collections.abc import Iterator, Sequence

import nbformat
from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.application import Sphinx

RECORD = re.compile(r'chapter\.record\(\s*"([\w.-]+)"')
FOLDED = "hide-input"
CHECKS = "Checks"


def summary(cell: nbformat.NotebookNode) -> str:
    """Returns what to say of a cell that is plumbing, "" for one that is to be read."""
    if "parameters" in cell.metadata.get("tags", []):
        return "Parameters of the notebook: scale and seed"
    if cell.metadata.get("mystnb", {}).get("figure"):
        return "Code of the figure"
    if found := RECORD.findall(cell.source):
        return f"Code that records the claim {' and '.join(found)}"
    if cell.source.startswith("chapter.summary("):
        return "Code of the summary"
    return "Imports" if _only_imports(cell.source) else ""


def _only_imports(source: str) -> bool:
    """Whether code imports, and beside that calls at most what sets up a package."""
    try:
        body = ast.parse(source).body
    except SyntaxError:  # a line for IPython
        return False
    kinds = [isinstance(statement, ast.Import | ast.ImportFrom) for statement in body]
    return any(kinds) and all(
        kind or isinstance(statement, ast.Expr) for kind, statement in zip(kinds, body, strict=True)
    )


def folded(notebook: str) -> str:
    """Returns a notebook's text with that code folded on its page."""
    content = nbformat.reads(notebook, as_version=4)
    for cell in content.cells:
        if cell.cell_type == "code" and (said := summary(cell)):
            cell.metadata["tags"] = [*cell.metadata.get("tags", []), FOLDED]
            prompts = {"code_prompt_show": said, "code_prompt_hide": said}
            cell.metadata["mystnb"] = {**cell.metadata.get("mystnb", {}), **prompts}
    return str(nbformat.writes(content))


def parted(source: str) -> tuple[str, str]:
    """Returns code without the assertions that guard it, and these with the loops around them.

    An assertion stays where the cell has computed something for it alone.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a line for IPython
        return source, ""
    asserts = [node for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    checked = {id(node) for each in asserts for node in ast.walk(each)}
    names = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in checked]
    made, used = (
        {name.id for name in names if isinstance(name.ctx, kind)} for kind in (ast.Store, ast.Load)
    )
    lines = dict(enumerate(source.splitlines(), start=1))
    gone: set[int] = set()
    around: set[int] = set()
    for heads, guard in _guards(tree.body, made - used):
        first = guard.lineno
        while lines.get(first - 1, "").lstrip().startswith("#"):  # what it says is of the assertion
            first -= 1
        gone |= {*range(first, (guard.end_lineno or first) + 1)}
        around |= {*heads}
    shown = "\n".join(line for number, line in lines.items() if number not in gone)
    return shown.strip("\n"), "\n".join(lines[number] for number in sorted(gone | around))


def _guards(
    block: Sequence[ast.stmt], made: set[str], heads: tuple[int, ...] = ()
) -> Iterator[tuple[tuple[int, ...], ast.Assert]]:
    """Yields the assertions that can go, each after the lines that begin the blocks around it."""
    for statement in block:
        if isinstance(statement, ast.Assert):
            names = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
            if made.isdisjoint(names):
                yield heads, statement
        elif isinstance(statement, ast.For | ast.If | ast.With):
            body = statement.body
            # A block that did nothing else would be empty.
            if not all(isinstance(each, ast.Assert) for each in body):
                head = range(statement.lineno, body[0].lineno)
                yield from _guards(body, made, (*heads, *head))


def fold_checks(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Folds the assertions of the code that a page shows, below it."""
    for code in list(doctree.findall(nodes.container)):
        cell = code.parent
        # What is folded as a whole has another node between.
        if code.get("nb_element") != "cell_code_source" or isinstance(cell, HideCodeCellNode):
            continue
        (block,) = code.findall(nodes.literal_block)
        shown, checks = parted(block.astext())
        if not checks:
            continue
        fold = HideCodeCellNode(prompt_show=CHECKS, prompt_hide=CHECKS, classes=["below-input"])
        fold += _with(code, block, checks)
        code.replace_self([_with(code, block, shown), fold] if shown else fold)


def _with(code: nodes.container, block: nodes.literal_block, text: str) -> nodes.Node:
    """Returns the container of a cell's code with other text."""
    container = code.copy()
    # Sphinx colours a block whose raw source is its text.
    container += nodes.literal_block(text, text, **block.attributes)
    return container
