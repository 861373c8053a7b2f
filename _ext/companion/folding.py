"""Folds code that is plumbing, under a line that says what it does: imports, figures, records.

The lines that carry the mathematics stay open. Notebooks aren't touched, so that JupyterLab shows
all of their code.
"""

import ast
import re

import nbformat

RECORD = re.compile(r'chapter\.record\(\s*"([\w.-]+)"')
FOLDED = "hide-input"


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
