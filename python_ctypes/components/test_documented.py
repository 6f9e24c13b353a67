"""docs/python.md names the drivers, and the versions, that are run."""

from __future__ import annotations

import re
import unittest
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_GUIDE = _HERE.parent.parent / "docs" / "python.md"


def pinned(oldest: bool) -> dict[str, str]:
    """What is installed for the oldest Python, or for the default one."""
    versions: dict[str, str] = {}
    for line in (_HERE / "requirements.txt").read_text().splitlines():
        name, _, rest = line.partition("==")
        version, _, condition = rest.partition(";")
        only_old = re.search(r'< "|== "', condition) is not None
        if name and (condition.strip() == "" or ('< "' in condition if oldest else not only_old)):
            versions.setdefault(name, version.strip())
    return versions


class Documented(unittest.TestCase):
    def test_the_table_has_the_versions_that_are_installed(self) -> None:
        section = _GUIDE.read_text().split("\n## Drivers\n")[1].split("\n## ")[0]
        rows = re.findall(r"(?m)^\| `([^`]+)` \| ([\d.]+) \(([\d.]+)\)", section)
        newest, oldest = pinned(False), pinned(True)
        self.assertEqual(len(rows), 8)
        for name, new, old in rows:
            self.assertEqual((name, new, old), (name, newest[name], oldest[name]))


if __name__ == "__main__":
    unittest.main()
