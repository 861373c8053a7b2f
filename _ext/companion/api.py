r"""Docstrings as Sphinx wants them: the API pages show the library's own.

The library's docstrings are Google style with Markdown in it: formulas between dollars, code and
names of the library between single backticks. Sphinx reads reStructuredText. What is converted
here becomes formulas, links to the object of that name, or code. Annotations are shown as they
stand in the source, `Float[Array, "n d"]`: evaluated, a type alias would be spelled out and a
shape be lost in a class's name.
"""

import ast
import dataclasses
import functools
import importlib
import inspect
import itertools
import re
import textwrap
from collections.abc import Iterator
from typing import Any

from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer

PACKAGE = "ntklib"

# Parts of a docstring in which a star or an underscore means something else than in the prose
# around them, and the characters that have to be escaped in the prose.
_PARTS = re.compile(
    r"\$\$(?P<block>.+?)\$\$"
    r"|\$(?P<formula>[^$]+?)\$"
    r"|`(?P<code>[^`]+?)`"
    r"|(?P<strong>\*\*[^*\s][^*]*\*\*)"
    r"|(?P<special>[\\*|]|_(?!\w))",
    re.DOTALL,
)
_NAME = re.compile(r"[A-Za-z_][\w.]*")
_FIELD = re.compile(r":(param|returns|raises)\b")


def modules() -> list[str]:
    """Returns the names of the library's public modules, such as `learning` and `learning.zonal`.

    Public is what a package names in its `__all__`, and a module that it names there.
    """
    found = []
    for name in importlib.import_module(PACKAGE).__all__:
        offered = _offered(name)
        found += [name, *(f"{name}.{each}" for each in offered if inspect.ismodule(offered[each]))]
    return found


def _offered(module: str) -> dict[str, Any]:
    loaded = importlib.import_module(f"{PACKAGE}.{module}")
    return {name: getattr(loaded, name) for name in loaded.__all__}


@functools.cache
def public(module: str) -> dict[str, Any]:
    """Returns what a module offers, by name, without modules.

    Args:
      module: a name of `modules`.
    """
    return {name: value for name, value in _offered(module).items() if not inspect.ismodule(value)}


def members(cls: type) -> list[str]:
    """Returns the public methods, properties and fields that a class itself has."""
    fields = (
        [each.name for each in dataclasses.fields(cls)] if dataclasses.is_dataclass(cls) else []
    )
    own = [
        name for name, value in vars(cls).items() if inspect.isroutine(value) or _computed(value)
    ]
    return [name for name in [*fields, *own] if not name.startswith("_")]


def _computed(value: Any) -> bool:
    return isinstance(value, property | functools.cached_property)


def _documented_data(module: str) -> dict[str, list[str]]:
    """Returns the docstrings below a module's own assignments, by name."""
    docs = ModuleAnalyzer.for_module(module).find_attr_docs()
    return {name: lines for (scope, name), lines in docs.items() if not scope}


@functools.cache
def targets() -> dict[str, Any]:
    """Returns all that has an entry on an API page, by its full public name."""
    found: dict[str, Any] = {}
    for module in modules():
        found[f"{PACKAGE}.{module}"] = importlib.import_module(f"{PACKAGE}.{module}")
        for name, value in public(module).items():
            full = f"{PACKAGE}.{module}.{name}"
            found[full] = value
            if inspect.isclass(value):
                found |= {f"{full}.{each}": None for each in members(value)}
    return found


def docstring(name: str) -> str:
    """Returns the docstring of what has this full public name, "" where it has none.

    That of data stands below its assignment, in whichever module that is.
    """
    value = targets()[name]
    if inspect.ismodule(value) or inspect.isclass(value) or inspect.isroutine(value):
        return inspect.getdoc(value) or ""
    return "" if value is None else "\n".join(_of_data(name))


def _of_data(name: str) -> list[str]:
    """Returns the docstring of a public module's data, which it may have from a private one."""
    module, _, own = name.rpartition(".")
    for node in ast.walk(ast.parse(ModuleAnalyzer.for_module(module).code)):
        if isinstance(node, ast.ImportFrom) and own in [each.name for each in node.names]:
            module = str(node.module)
    return _documented_data(module).get(own, [])


def resolve(text: str, place: str) -> str | None:
    """Returns the full public name of what a docstring calls `text`, None for anything else.

    Args:
      text: as it stands between backticks.
      place: full public name of the object whose docstring it is.
    """
    known = targets()
    name = text.removesuffix("()")
    scopes = place.split(".")
    for depth in range(len(scopes), 0, -1):
        if (full := ".".join([*scopes[:depth], name])) in known:
            return full
    if name in known:
        return name
    # A module's or a class's own name is enough, such as `arcs.norms` or `Network`.
    matches = [full for full in known if full.endswith(f".{name}")]
    return matches[0] if len(matches) == 1 and ("." in name or name[0].isupper()) else None


def to_rst(lines: list[str], place: str, arguments: frozenset[str] = frozenset()) -> list[str]:
    """Converts a docstring's Markdown to reStructuredText, but for its examples.

    Args:
      lines: of the docstring, its indentation removed.
      place: full public name of the object that it belongs to, for links.
      arguments: of that object: their names are no links.
    """
    converted = []
    for is_code, block in _blocks(lines):
        text = "\n".join(block)
        change = functools.partial(_converted, place=place, arguments=arguments)
        converted += block if is_code else _PARTS.sub(change, text).split("\n")
    return converted


def _blocks(lines: list[str]) -> Iterator[tuple[bool, list[str]]]:
    """Splits lines into examples, which are from a prompt to the next empty line, and prose."""
    block: list[str] = []
    is_code = False
    for line in lines:
        starts, ends = line.lstrip().startswith(">>>"), not line.strip()
        if (starts and not is_code) or (ends and is_code):
            yield is_code, block
            block, is_code = [], starts
        block.append(line)
    yield is_code, block


def _converted(match: re.Match[str], place: str, arguments: frozenset[str]) -> str:
    if block := match["block"]:
        indent = " " * (match.start() - match.string.rfind("\n", 0, match.start()) - 1)
        body = textwrap.indent(textwrap.dedent(block), f"{indent}   ").strip()
        return f".. math::\n\n{indent}   {body}\n"
    if formula := match["formula"]:
        return f":math:`{formula}`"
    if code := match["code"]:
        code = " ".join(code.split())
        full = None if code in arguments or not _NAME.fullmatch(code) else resolve(code, place)
        return f":py:obj:`{code} <{full}>`" if full else f"``{code}``"
    return match["strong"] or rf"\{match['special']}"


def annotations(value: Any) -> dict[str, str]:
    """Returns a function's or a class's annotations as its source has them, by name.

    That of the result is called "return".
    """
    value = inspect.unwrap(value)
    if not inspect.isfunction(value) and not inspect.isclass(value):
        return {}
    source = textwrap.dedent(inspect.getsource(value))
    (node,) = ast.parse(source).body
    if isinstance(node, ast.ClassDef):
        found = {
            each.target.id: each.annotation
            for each in node.body
            if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
        }
    elif isinstance(node, ast.FunctionDef):
        given = node.args
        every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
        found = {each.arg: each.annotation for each in every if each and each.annotation}
        found |= {"return": node.returns} if node.returns else {}
    texts = {name: ast.get_source_segment(source, each) or "" for name, each in found.items()}
    # The space says to jaxtyping that " q" is an axis and no name.
    return {name: " ".join(text.split()).replace('" ', '"') for name, text in texts.items()}


def with_types(lines: list[str], types: dict[str, str], place: str) -> list[str]:
    """Adds types to the fields of a function's docstring, and the arguments that it leaves out.

    Args:
      lines: as `napoleon` has them.
      types: as `annotations` has them.
      place: full public name of the function, for links.
    """
    types = {name: _linked(text, place) for name, text in types.items()}
    result = types.pop("return", "None")
    typed, told = [], set()
    for line in lines:
        # Napoleon writes the stars of **options with backslashes.
        if (match := re.match(r":param ([\\*]*)(\w+):", line)) and match[2] in types:
            typed.append(f":type {match[1]}{match[2]}: {types[match[2]]}")
            told.add(match[2])
        typed.append(line)
    missing = [f":param {name}:\n:type {name}: {types[name]}" for name in types if name not in told]
    added = "\n".join(missing).splitlines() + ([] if result == "None" else [f":rtype: {result}"])
    fields = [index for index, line in enumerate(typed) if _FIELD.match(line)]
    rest = [
        index
        for index, line in enumerate(typed)
        if line.startswith((":raises", ".. rubric::", ">>>"))
    ]
    at = rest[0] if rest else len(typed)
    if fields and at == len(typed):
        while not typed[at - 1].strip():
            at -= 1
    apart = [] if fields and fields[0] < at else [""]
    followed = [] if at < len(typed) and typed[at].startswith(":raises") else [""]
    return [*typed[:at], *apart, *added, *followed, *typed[at:]]


def _linked(annotation: str, place: str) -> str:
    """Returns an annotation as code, with links to the library's own types."""
    if re.fullmatch(r'"\w+"', annotation):  # of a class inside itself
        annotation = annotation.strip('"')

    def target(word: str) -> str | None:
        return resolve(word, place) if _NAME.fullmatch(word) else None

    words = re.split(r"(\"[^\"]*\"|[A-Za-z_][\w.]*)", annotation)
    parts = []
    for full, group in itertools.groupby(filter(None, words), key=target):
        text = "".join(group)
        code = re.sub(r"\S(.*\S)?", r"``\g<0>``", text)
        parts.append(f":py:obj:`{text} <{full}>`" if full else code)
    return r"\ ".join(parts)  # an escaped space is none, but a role or a literal may end before it


def read_markdown(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Converts a docstring before `napoleon` looks for its sections."""
    if not name.startswith(PACKAGE):
        return
    if what == "data":
        lines[:] = _of_data(name)  # autodoc would take that of its type for data from elsewhere
    arguments = frozenset(annotations(obj)) if what in ("function", "method") else frozenset()
    lines[:] = to_rst(lines, name, arguments)


def add_types(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Adds types to a docstring that `napoleon` has read."""
    if not name.startswith(PACKAGE):
        return
    types = annotations(obj)
    if what in ("function", "method"):
        types.pop("self", None)
        lines[:] = with_types(lines, types, name)
    elif what == "class":
        lines[:] = "\n".join(_with_type(line, types) for line in lines).split("\n")


def _with_type(line: str, types: dict[str, str]) -> str:
    """Adds the type below the line that `napoleon` begins an attribute with."""
    _, is_one, name = line.partition(".. attribute:: ")
    return f"{line}\n   :type: {types[name]}" if is_one and name in types else line
