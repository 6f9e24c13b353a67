"""The wheel's METADATA, from pyproject.toml, the header's version and README.md.

Python has a reader for TOML only from 3.11 on, and a wheel can be built from 3.8 on. So the table
is kept to what JSON could say as well: strings and lists of strings. tests/test_wheel.py compares
this reading with that of tomllib.
"""

from __future__ import annotations

import json
import re
from typing import Union

Value = Union[str, "list[str]"]


def project(pyproject: str) -> dict[str, Value]:
    """Reads the table [project].

    :raises ValueError: for a value that is neither a string nor a list of strings
    """
    found = re.search(r"^\[project\]\n(.*?)(?=^\[|\Z)", pyproject, re.DOTALL | re.MULTILINE)
    if not found:
        raise ValueError("pyproject.toml has no table [project]")
    table: dict[str, Value] = {}
    entry = re.compile(r"^([\w-]+) = (\"[^\"\n]*\"|\[[^\]]*\])$", re.MULTILINE)
    rest = entry.sub("", found.group(1)).strip()
    if re.sub(r"^#.*$", "", rest, flags=re.MULTILINE).strip():
        raise ValueError("pyproject.toml, [project]: not understood: " + rest)
    for key, text in entry.findall(found.group(1)):
        table[key] = json.loads(re.sub(r",\s*\]$", "]", text))
    return table


def metadata(table: dict[str, Value], version: str, licenses: list[str], description: str) -> str:
    """Writes METADATA in the form of core metadata 2.4.

    :param licenses: names of files in the wheel's folder `licenses`
    :raises KeyError: a name that a package cannot do without is missing
    """
    lines = [
        "Metadata-Version: 2.4",
        "Name: %s" % table["name"],
        "Version: %s" % version,
        "Summary: %s" % table["description"],
        "Keywords: %s" % ",".join(table["keywords"]),
        "License-Expression: %s" % table["license"],
    ]
    lines += ["License-File: " + name for name in licenses]
    lines += ["Classifier: " + name for name in table["classifiers"]]
    lines += ["Requires-Dist: " + name for name in table["dependencies"]]
    lines += [
        "Requires-Python: %s" % table["requires-python"],
        "Description-Content-Type: text/markdown",
        "",
        description,
    ]
    return "\n".join(lines)
