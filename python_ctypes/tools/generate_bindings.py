#!/usr/bin/env python3
"""Writes greenhub/_bindings.py from include/greenhub.h, or says whether it is up to date.

Usage: generate_bindings.py [--write]. Without --write nothing is changed, and the exit status is 1
if the file is not what the header gives.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple, Sequence

from c_header import Alias, Callback, Define, Enum, Function, Header, HeaderError, Struct, parse

PROJECT = Path(__file__).resolve().parent.parent
HEADER = PROJECT.parent / "include" / "greenhub.h"
BINDINGS = PROJECT / "greenhub" / "_bindings.py"
WIDTH = 100

OPENING = '''\
"""The C header of libgreenhub for ctypes: constants, structs, callback types and functions.

Generated from include/greenhub.h by generate_bindings.py: `make bindings` writes it anew. What each
name means stands in the header.
"""

from __future__ import annotations

from ctypes import (
{imports}
)
from typing import TYPE_CHECKING, Any, Callable, TypeVar, Union

if TYPE_CHECKING:
    from _ctypes import CFuncPtr
    from ctypes import Array, _CArgObject, _Pointer, _SimpleCData

    _T = TypeVar("_T", bound=Union[_SimpleCData[Any], Structure])
    # A pointer's argument, as ctypes takes it: the thing itself stands for its address.
    Ref = Union[None, _T, Array[_T], _Pointer[_T], _CArgObject]
    # An untyped pointer. Bytes are for what the library only reads.
    Address = Union[
        None, int, bytes, c_void_p, Structure, Array[Any], _Pointer[Any], _CArgObject, CFuncPtr
    ]
    # What `struct gh_hub *` and its like are: numbers to hand back, never addresses to look at.
    Handle = Union[None, int, c_void_p]

'''

FUNCTIONS = '''

class Functions:
    """The functions of a loaded library, each with its types set.

    Results are as in C: negative codes are returned, not raised.

    :raises AttributeError: if the library lacks one
    """

    def __init__(self, library: CDLL) -> None:
        for name, result, *parameters in PROTOTYPES:
            function = getattr(library, name)
            function.restype = result
            function.argtypes = parameters
            setattr(self, name, function)

'''

PROTOTYPES = """

# Name, result, parameters.
PROTOTYPES: tuple[tuple[Any, ...], ...] = (
"""

# Those that end in _t are the same on every Linux machine that the library supports;
# tests/test_bindings.py asks the C compiler.
SCALARS = {
    "int": "c_int",
    "unsigned int": "c_uint",
    "size_t": "c_size_t",
    "ssize_t": "c_ssize_t",
    "int64_t": "c_int64",
    "uint32_t": "c_uint32",
    "uint64_t": "c_uint64",
    "mode_t": "c_uint32",
    "pid_t": "c_int",
    "socklen_t": "c_uint32",
}

# Structs of the system. Whoever needs one lays it out for their system, or passes a buffer.
FOREIGN = {"addrinfo", "iovec", "mmsghdr", "msghdr", "pollfd", "sockaddr"}


class Type(NamedTuple):
    """A type of C, for ctypes and for who checks types."""

    ctypes: str
    parameter: str
    result: str


class Types:
    """Translates types of C, and notes which names of ctypes that takes."""

    def __init__(self, header: Header) -> None:
        declared = header.declarations()
        self.used: set[str] = set()
        self.aliases = {it.name: it.type for it in declared if isinstance(it, Alias)}
        self.structs = {it.name for it in declared if isinstance(it, Struct)}
        self.callbacks = {it.function.name for it in declared if isinstance(it, Callback)}
        self.handles = set(header.handles)

    def name(self, word: str) -> str:
        """The same word, noted as one that ctypes must give."""
        self.used.add(word)
        return word

    def pointer(self, target: str) -> Type:
        self.name("POINTER")
        return Type("POINTER(%s)" % target, "Ref[%s]" % target, "_Pointer[%s]" % target)

    def plain(self, word: str) -> str:
        """What a word without `*` is to ctypes, "" for what has no value of its own."""
        if word in SCALARS:
            return self.name(SCALARS[word])
        return word if word in self.aliases or word in self.structs else ""

    def translate(self, c_type: str) -> Type:
        """:raises HeaderError: for a type in no table"""
        if c_type == "const char *":
            return Type(self.name("c_char_p"), "bytes | None", "bytes | None")
        if c_type == "char *":
            buffer = "Array[%s] | None" % self.name("c_char")
            return Type(self.name("c_char_p"), buffer, "bytes | None")
        base = " ".join(word for word in c_type.replace("*", " ").split() if word != "const")
        stars = c_type.count("*")
        untyped = base in self.handles or base in FOREIGN or base == "void"
        if base == "char" and stars == 2:
            return self.pointer(self.name("c_char_p"))
        if base in self.callbacks and not stars:
            return Type(base, "CFuncPtr", "CFuncPtr")
        if untyped and stars == 1:
            address = "Handle" if base in self.handles else "Address"
            return Type(self.name("c_void_p"), address, "int | None")
        if untyped and stars == 2:
            return self.pointer(self.name("c_void_p"))
        plain = self.plain(base)
        if plain and stars == 1:
            return self.pointer(plain)
        if plain and not stars and plain not in self.structs:
            return Type(plain, "int", "int")
        raise HeaderError("no type of ctypes for `%s`" % c_type)

    def result(self, function: Function) -> Type:
        """The type that a function returns, as ctypes and as a checker see it."""
        if function.returns == "void":
            return Type("None", "None", "None")
        found = self.translate(function.returns)
        if function.never_null and found.ctypes == "c_char_p":
            return found._replace(result="bytes")
        return found


def call(indent: str, opening: str, arguments: Sequence[str], closing: str) -> list[str]:
    """A bracket with its contents, broken into lines as ruff's formatter breaks it."""
    whole = indent + opening + ", ".join(arguments) + closing
    if len(whole) <= WIDTH:
        return [whole]
    inner = indent + "    " + ", ".join(arguments)
    if len(inner) <= WIDTH:
        return [indent + opening, inner, indent + closing]
    each = [indent + "    " + argument + "," for argument in arguments]
    return [indent + opening, *each, indent + closing]


def struct_lines(types: Types, struct: Struct) -> list[str]:
    lines = ["", "", "class %s(%s):" % (struct.name, types.name("Structure"))]
    annotations, fields = [], []
    for member in struct.members:
        found = types.translate(member.type)
        if member.length:
            annotations.append("    %s: Array[%s]" % (member.name, found.ctypes))
            fields.append('("%s", %s * %d)' % (member.name, found.ctypes, member.length))
        else:
            annotations.append("    %s: %s" % (member.name, found.result))
            fields.append('("%s", %s)' % (member.name, found.ctypes))
    each = ["        %s," % entry for entry in fields]
    return [*lines, *annotations, "    _fields_ = [", *each, "    ]", "", ""]


def callback_lines(types: Types, function: Function) -> list[str]:
    result = types.result(function).ctypes
    parameters = [types.translate(it.type).ctypes for it in function.parameters]
    opening = "%s = %s(" % (function.name, types.name("CFUNCTYPE"))
    return call("", opening, [result, *parameters], ")")


def prototype_lines(types: Types, function: Function) -> list[str]:
    parameters = [types.translate(it.type).ctypes for it in function.parameters]
    arguments = ['"%s"' % function.name, types.result(function).ctypes, *parameters]
    return call("    ", "(", arguments, "),")


def attribute_lines(types: Types, function: Function) -> list[str]:
    parameters = [types.translate(it.type).parameter for it in function.parameters]
    result = types.result(function).result
    signature = ["[%s]" % ", ".join(parameters), result]
    lines = call("    ", "%s: Callable[" % function.name, signature, "]")
    names = ", ".join(it.name for it in function.parameters)
    return [*lines, '    """(%s)"""' % names] if names else lines


def generate(text: str) -> str:
    """The text of _bindings.py for a header's text.

    :raises HeaderError: for a header with something that is not understood
    """
    header = parse(text)
    types = Types(header)
    types.used.update(("CDLL", "Structure", "c_void_p"))
    body: list[str] = []
    attributes: list[str] = []
    prototypes: list[str] = []
    for section, declarations in header.sections:
        top: list[str] = []
        functions = [it for it in declarations if isinstance(it, Function)]
        for it in declarations:
            if isinstance(it, Define):
                top.append("%s = %s" % (it.name, literal(it)))
            elif isinstance(it, Enum):
                top += ["", "# enum %s" % it.name]
                top += ["%s = %s" % (member.name, literal(member)) for member in it.members]
            elif isinstance(it, Alias):
                top.append("%s = %s" % (it.name, types.plain(it.type)))
            elif isinstance(it, Struct):
                top += struct_lines(types, it)
            elif isinstance(it, Callback):
                top += callback_lines(types, it.function)
        body += titled("", section, top)
        attributes += titled(
            "    ", section, [line for it in functions for line in attribute_lines(types, it)]
        )
        prototypes += titled(
            "    ", section, [line for it in functions for line in prototype_lines(types, it)]
        )
    imports = "\n".join("    %s," % name for name in sorted(types.used, key=isort_key))
    texts = (
        OPENING.format(imports=imports),
        "\n".join(squeeze(body)),
        PROTOTYPES + "\n".join(squeeze(prototypes)) + "\n)",
        FUNCTIONS + "\n".join(squeeze(attributes)),
    )
    return "\n".join(texts) + "\n"


def literal(define: Define) -> str:
    return '"%s"' % define.value if isinstance(define.value, str) else str(define.value)


def isort_key(name: str) -> tuple[int, str]:
    """CONSTANTS, then Classes, then functions, as ruff sorts imports."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name)


def titled(indent: str, section: str, lines: list[str]) -> list[str]:
    """The lines below the section's name, nothing for none."""
    return ["", indent + "# ==== " + section, *lines] if lines and section else lines


def squeeze(lines: list[str]) -> list[str]:
    """At most two empty lines in a row, and none at the ends."""
    kept: list[str] = []
    for line in lines:
        if line or (kept and kept[-2:] != ["", ""]):
            kept.append(line)
    while kept and not kept[-1]:
        kept.pop()
    return kept


def main(arguments: Sequence[str]) -> int:
    if list(arguments) not in ([], ["--write"]):
        sys.stderr.write(__doc__ or "")
        return 2
    wanted = generate(HEADER.read_text(encoding="utf-8"))
    if BINDINGS.is_file() and BINDINGS.read_text(encoding="utf-8") == wanted:
        return 0
    if not arguments:
        sys.stderr.write("%s is stale: run `make bindings`\n" % BINDINGS)
        return 1
    BINDINGS.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
