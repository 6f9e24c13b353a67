"""greenhub._bindings against include/greenhub.h, and against what a C compiler makes of it."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from greenhub import _bindings
from greenhub._library import library, pydll
from support import HEADER, TOP, c_header, generate_bindings, missing

TEXT = HEADER.read_text(encoding="utf-8")
PLAIN = re.sub(r"/\*.*?\*/|//[^\n]*", " ", TEXT, flags=re.DOTALL)
HEADER_NAMES = sorted(set(re.findall(r"\b(gh_[a-z0-9_]+)\(", PLAIN)))


class CommittedFile(unittest.TestCase):
    def test_it_is_what_the_header_gives(self) -> None:
        found = Path(_bindings.__file__).read_text(encoding="utf-8")
        self.assertEqual(found, generate_bindings.generate(TEXT), "stale: run `make bindings`")

    def test_it_has_every_function_of_the_header_once(self) -> None:
        names = [name for name, *_ in _bindings.PROTOTYPES]
        self.assertGreater(len(HEADER_NAMES), 50)
        self.assertEqual(sorted(names), HEADER_NAMES)

    def test_every_function_has_types_for_the_checker_too(self) -> None:
        annotated = _bindings.Functions.__annotations__
        self.assertEqual(sorted(annotated), HEADER_NAMES)
        for name, _, *parameters in _bindings.PROTOTYPES:
            callable_ = re.sub(r"\w+\[\w+\]", "x", annotated[name])
            listed = re.fullmatch(r"Callable\[\s*\[(.*?)\], .*\]", callable_, re.DOTALL)
            assert listed, annotated[name]
            count = len(listed.group(1).split(",")) if listed.group(1) else 0
            self.assertEqual(count, len(parameters), name)

    def test_it_has_every_constant_of_the_header(self) -> None:
        names = re.findall(r"^#define (GH_\w+) |^ +(GH_\w+) = ", PLAIN, re.MULTILINE)
        self.assertGreater(len(names), 50)
        missing = [name for pair in names for name in pair if name and name not in vars(_bindings)]
        self.assertEqual(missing, [])


class Generator(unittest.TestCase):
    def test_a_changed_header_gives_other_bindings(self) -> None:
        before = generate_bindings.generate(TEXT)
        for old, new in (
            ("int64_t gh_now(void);", "uint64_t gh_now(void);"),
            ("int gh_yield(void);", "int gh_yield(int64_t deadline);"),
            ("#define GH_PATCH_ALL 255", "#define GH_PATCH_ALL 254"),
            ("    uint64_t spawned;", "    int64_t spawned;"),
            ("    GH_EPANIC = -10001,", "    GH_EPANIC = -10000,"),
        ):
            with self.subTest(old):
                self.assertIn(old, TEXT)
                changed = TEXT.replace(old, new)
                self.assertNotEqual(generate_bindings.generate(changed), before)

    def test_what_it_does_not_understand_is_an_error(self) -> None:
        for declaration in (
            "int gh_x(int (*compare)(void));",
            "union gh_x { int a; };",
            "int gh_x(double ratio);",
            "extern int gh_x;",
            "struct gh_unknown *gh_x(void);",
            "#define GH_X other",
        ):
            with self.subTest(declaration), self.assertRaises(c_header.HeaderError):
                generate_bindings.generate(declaration + "\n")

    def test_a_result_that_is_never_null_is_no_option(self) -> None:
        promised = "/** Tells.\n * @return text, never NULL\n */\nconst char *gh_x(void);\n"
        self.assertIn("gh_x: Callable[[], bytes]", generate_bindings.generate(promised))
        plain = "/** Tells.\n * @return text\n * @since never NULL\n */\nconst char *gh_x(void);\n"
        self.assertIn("gh_x: Callable[[], bytes | None]", generate_bindings.generate(plain))


class Loaded(unittest.TestCase):
    def test_every_function_is_exported(self) -> None:
        missing = [name for name in HEADER_NAMES if not hasattr(pydll, name)]
        self.assertEqual(missing, [])
        self.assertFalse(hasattr(pydll, "gh_no_such_function"))

    def test_no_function_is_called_with_guessed_types(self) -> None:
        for name, result, *parameters in _bindings.PROTOTYPES:
            function = getattr(library, name)
            self.assertEqual(list(function.argtypes), parameters, name)
            self.assertIs(function.restype, result, name)

    def test_the_versions_are_those_of_the_header(self) -> None:
        parts = [getattr(_bindings, "GH_VERSION_" + name) for name in ("MAJOR", "MINOR", "PATCH")]
        self.assertEqual(library.gh_version(), parts[0] << 16 | parts[1] << 8 | parts[2])
        self.assertEqual(library.gh_version(), _bindings.GH_VERSION_NUM)
        self.assertEqual(library.gh_version_string().decode(), _bindings.GH_VERSION_STRING)
        self.assertEqual(_bindings.GH_VERSION_STRING, ".".join(map(str, parts)))
        self.assertEqual(library.gh_abi_version(), _bindings.GH_ABI_VERSION)


class Compiled(unittest.TestCase):
    """A C program prints sizes, places and values, as the compiler has them."""

    def setUp(self) -> None:
        compiler = os.environ.get("CC") or shutil.which("cc") or ""
        if not compiler:
            missing("C compiler")
        self.compiler = compiler.split()
        self.header = c_header.parse(TEXT)

    def ask(self, expressions: list[str]) -> list[int]:
        """The values of integer expressions in C."""
        prints = "".join('    printf("%%lld\\n", (long long)(%s));\n' % it for it in expressions)
        program = '#include "greenhub.h"\n#include <stddef.h>\n#include <stdio.h>\n'
        program += "int main(void) {\n%s    return 0;\n}\n" % prints
        with tempfile.TemporaryDirectory() as folder:
            source, binary = Path(folder) / "ask.c", Path(folder) / "ask"
            source.write_text(program)
            command = [*self.compiler, "-std=c99", "-D_DEFAULT_SOURCE", "-I", str(TOP / "include")]
            subprocess.run([*command, str(source), "-o", str(binary)], check=True, timeout=60)
            out = subprocess.run([str(binary)], stdout=subprocess.PIPE, check=True, timeout=60)
        return [int(line) for line in out.stdout.split()]

    def test_structs_lie_in_memory_as_in_c(self) -> None:
        structs = self.header.structs()
        self.assertGreater(len(structs), 10)
        expressions, found, names = [], [], []
        for struct in structs:
            ours = getattr(_bindings, struct.name)
            expressions.append("sizeof(struct %s)" % struct.name)
            found.append(ctypes.sizeof(ours))
            names.append(struct.name)
            self.assertEqual(
                [name for name, _ in ours._fields_], [it.name for it in struct.members]
            )
            for member in struct.members:
                place = getattr(ours, member.name)
                expressions.append("offsetof(struct %s, %s)" % (struct.name, member.name))
                expressions.append("sizeof(((struct %s *)0)->%s)" % (struct.name, member.name))
                found += [place.offset, place.size]
                names += [struct.name + "." + member.name] * 2
        self.assertEqual(list(zip(names, found)), list(zip(names, self.ask(expressions))))

    def test_numbers_have_the_size_and_the_sign_that_they_have_in_c(self) -> None:
        types = {name: getattr(ctypes, ours) for name, ours in generate_bindings.SCALARS.items()}
        aliases = [it for it in self.header.declarations() if isinstance(it, c_header.Alias)]
        types.update((it.name, getattr(_bindings, it.name)) for it in aliases)
        self.assertLessEqual({"gh_thread", "ssize_t", "pid_t"}, set(types))
        expressions = ["sizeof(%s) * ((%s)-1 < 0 ? -1 : 1)" % (name, name) for name in types]
        found = [ctypes.sizeof(it) * (-1 if it(-1).value < 0 else 1) for it in types.values()]
        self.assertEqual(list(zip(types, found)), list(zip(types, self.ask(expressions))))

    def test_constants_have_the_values_that_they_have_in_c(self) -> None:
        constants = {
            name: value
            for name, value in vars(_bindings).items()
            if name.startswith("GH_") and isinstance(value, int)
        }
        found = list(constants.items())
        self.assertEqual(found, list(zip(constants, self.ask(list(constants)))))


if __name__ == "__main__":
    unittest.main()
