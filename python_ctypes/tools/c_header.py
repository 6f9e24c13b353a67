"""Reads what include/greenhub.h declares: constants, types and functions.

No compiler is needed, because the header is generated and so has few forms. Whatever is not one of
them is an error, never skipped: a declaration that nobody read would be missing in Python.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Match, NamedTuple, Pattern, Union

Constant = Union[int, str]


class HeaderError(Exception):
    """The header has something that is not understood; the text says where."""


class Variable(NamedTuple):
    """A parameter or a member of a struct."""

    name: str
    type: str
    """As in C, with `struct` left out and single spaces: `const char *`, `gh_hub **`."""
    length: int
    """Elements of an array, 0 for anything else."""


class Function(NamedTuple):
    """A function, or the type of a callback."""

    name: str
    returns: str
    parameters: tuple[Variable, ...]
    never_null: bool
    """Its documentation promises that the result is no NULL."""


class Struct(NamedTuple):
    """A struct whose members are public."""

    name: str
    members: tuple[Variable, ...]


class Callback(NamedTuple):
    """A type of pointers to functions."""

    function: Function


class Alias(NamedTuple):
    """Another name of a number's type."""

    name: str
    type: str


class Define(NamedTuple):
    """A macro with a value."""

    name: str
    value: Constant


class Enum(NamedTuple):
    """An enumeration."""

    name: str
    members: tuple[Define, ...]


Declaration = Union[Function, Struct, Callback, Alias, Define, Enum]


@dataclass
class Header:
    """Everything that was declared, in the header's order, section by section."""

    sections: list[tuple[str, list[Declaration]]] = field(default_factory=lambda: [("", [])])
    handles: list[str] = field(default_factory=list)
    """Structs whose members nobody sees, so that only pointers to them are of use."""
    constants: dict[str, Constant] = field(default_factory=dict)
    """The values of all macros and enumerations."""

    def declarations(self) -> list[Declaration]:
        """All of them, without the sections."""
        return [declaration for _, section in self.sections for declaration in section]

    def functions(self) -> list[Function]:
        """The functions alone."""
        return [it for it in self.declarations() if isinstance(it, Function)]

    def structs(self) -> list[Struct]:
        """The public structs alone."""
        return [it for it in self.declarations() if isinstance(it, Struct)]

    def enum(self, name: str) -> dict[str, int]:
        """The members of one enumeration."""
        for it in self.declarations():
            if isinstance(it, Enum) and it.name == name:
                return {member.name: int(member.value) for member in it.members}
        raise HeaderError("no enum " + name)


# In the order in which they are tried.
FORMS: tuple[tuple[str, Pattern[str]], ...] = tuple(
    (form, re.compile(pattern, re.DOTALL))
    for form, pattern in (
        ("doc", r"/\*\*(.*?)\*/"),
        ("section", r"/\*\n \* ==== (\w+) ====\n.*?\*/"),
        ("ignored", r"/\*.*?\*/|//[^\n]*"),
        # For C++ alone: the braces of extern "C".
        ("ignored", r"#ifdef __cplusplus\n.*?#endif"),
        ("define", r"#define (\w+) ([^\n]+)"),
        ("ignored", r"#[^\n]*"),
        ("enum", r"enum (\w+) \{(.*?)\};"),
        ("struct", r"typedef struct (\w+) \{(.*?)\} \1;"),
        ("handle", r"typedef struct (\w+) \1;"),
        ("ignored", r"struct \w+;"),
        ("callback", r"typedef ([\w *]+)\(\*(\w+)\)\(([^()]*)\);"),
        ("alias", r"typedef (\w+) (\w+);"),
        ("function", r"([\w *]+?)(gh_\w+)\(([^()]*)\);"),
    )
)


def parse(text: str) -> Header:
    """Reads the header's text.

    :raises HeaderError: for a declaration in no known form
    """
    header = Header()
    doc = ""
    at = 0
    while True:
        at += len(text[at:]) - len(text[at:].lstrip())
        if at == len(text):
            return header
        form, found = _next(text, at)
        at = found.end()
        if form == "doc":
            doc = found.group(1)
            continue
        if form != "ignored":
            _declare(header, form, found.groups(), doc)
        doc = ""


def _next(text: str, at: int) -> tuple[str, Match[str]]:
    for form, pattern in FORMS:
        found = pattern.match(text, at)
        if found:
            return form, found
    line = text.count("\n", 0, at) + 1
    raise HeaderError("line %d: %s" % (line, text[at:].split("\n", 1)[0]))


def _declare(header: Header, form: str, parts: tuple[str, ...], doc: str) -> None:
    """Adds one declaration, of which `parts` are what its form holds."""
    here = header.sections[-1][1]
    if form == "section":
        header.sections.append((parts[0], []))
    elif form == "handle":
        header.handles.append(parts[0])
    elif form == "define":
        here.append(_constant(header, parts[0], parts[1]))
    elif form == "enum":
        members = [entry.split("=") for entry in _plain(parts[1]).split(",") if entry.strip()]
        constants = [_constant(header, name.strip(), value) for name, value in members]
        here.append(Enum(parts[0], tuple(constants)))
    elif form == "struct":
        lines = [line for line in _plain(parts[1]).split(";") if line.strip()]
        here.append(Struct(parts[0], tuple(map(_variable, lines))))
    elif form == "alias":
        here.append(Alias(parts[1], parts[0]))
    else:
        result, name, parameters = parts
        listed = [] if parameters.strip() in ("", "void") else parameters.split(",")
        promised = re.search(r"@return (?:(?!@).)*never NULL", doc, re.DOTALL) is not None
        function = Function(name, _type(result), tuple(map(_variable, listed)), promised)
        here.append(Callback(function) if form == "callback" else function)


def _plain(text: str) -> str:
    return re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.DOTALL)


def _type(text: str) -> str:
    words = re.sub(r"\bstruct\b", " ", text).replace("*", " * ").split()
    return re.sub(r"\* (?=\*)", "*", " ".join(words))


def _variable(text: str) -> Variable:
    found = re.fullmatch(r"\s*(.*?)(\w+)(?:\[(\d+)\])?\s*", text, re.DOTALL)
    if not found or not found.group(1).strip():
        raise HeaderError("no variable: " + text)
    return Variable(found.group(2), _type(found.group(1)), int(found.group(3) or 0))


def _constant(header: Header, name: str, text: str) -> Define:
    """Evaluates what C and Python write alike: numbers, strings, shifts and names."""
    known: dict[str, object] = {"__builtins__": {}, "INT64_MAX": 2**63 - 1}
    known.update(header.constants)
    try:
        value = eval(text.strip(), known)
    except Exception as error:
        raise HeaderError("#define %s %s: %s" % (name, text, error)) from error
    if not isinstance(value, (int, str)):
        raise HeaderError("#define %s %s: neither a number nor a string" % (name, text))
    header.constants[name] = value
    return Define(name, value)
