"""The wheel: what is in it, for which systems it is, and that it comes out the same every time."""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib
import io
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zipfile
from email.parser import Parser
from pathlib import Path

import greenhub
from greenhub import _library
from support import PROJECT, TOP, build_wheel, elf, missing, wheel_metadata

PYPROJECT = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
LIBRARY = Path(_library.path)


def needs(
    machine: str = "x86_64", libc: tuple[str, ...] = ("GLIBC_2.5",), more: str = ""
) -> elf.Needs:
    libraries = ("libc.so.6", more) if more else ("libc.so.6",)
    return elf.Needs(machine, "libgreenhub.so.0", libraries, {"libc.so.6": libc})


class Platform(unittest.TestCase):
    def test_the_newest_version_of_glibc_decides(self) -> None:
        tag = build_wheel.platform_tag(needs(libc=("GLIBC_2.2.5", "GLIBC_2.34", "GLIBC_2.9")))
        self.assertEqual(tag, "manylinux_2_34_x86_64")

    def test_a_version_of_two_digits_is_newer_than_one_of_one(self) -> None:
        tag = build_wheel.platform_tag(needs("aarch64", ("GLIBC_2.28", "GLIBC_2.4")))
        self.assertEqual(tag, "manylinux_2_28_aarch64")

    def test_an_old_system_is_named_in_both_ways(self) -> None:
        tag = build_wheel.platform_tag(needs(libc=("GLIBC_2.17", "GLIBC_PRIVATE")))
        self.assertEqual(tag, "manylinux_2_17_x86_64.manylinux2014_x86_64")

    def test_a_library_that_systems_need_not_have_is_refused(self) -> None:
        with self.assertRaisesRegex(build_wheel.BuildError, "libssl.so.3"):
            build_wheel.platform_tag(needs(more="libssl.so.3"))

    def test_another_libc_is_refused(self) -> None:
        with self.assertRaises(build_wheel.BuildError):
            build_wheel.platform_tag(needs(libc=()))


class Elf(unittest.TestCase):
    def test_versions_are_those_that_readelf_finds(self) -> None:
        if not shutil.which("readelf"):
            missing("readelf")
        command = ["readelf", "-W", "--version-info", "--dynamic", str(LIBRARY)]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        section = out[out.index(".gnu.version_r") :]
        listed = re.findall(r"Name: (\S+)  Flags: (\w+)", section)
        wanted = sorted(name for name, flags in listed if flags != "WEAK")
        found = elf.read(LIBRARY)
        self.assertGreater(len(wanted), 3)
        self.assertEqual(sorted(it for names in found.versions.values() for it in names), wanted)
        libraries = re.findall(r"\(NEEDED\).*\[(.*)\]", out)
        self.assertEqual(list(found.libraries), libraries)
        self.assertIn("[%s]" % found.soname, out)

    def test_what_is_no_library_is_an_error(self) -> None:
        good = LIBRARY.read_bytes()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bad.so"
            for data in (
                b"",
                b"#!/bin/sh\n",
                good[:100],
                b"\x7fELF\x01" + good[5:],
                good[:18] + struct.pack("<H", 8) + good[20:],
            ):
                with self.subTest(data[:20]), self.assertRaises(elf.ElfError):
                    path.write_bytes(data)
                    elf.read(path)


class Metadata(unittest.TestCase):
    def test_our_reading_of_pyproject_is_that_of_tomllib(self) -> None:
        # Before Python 3.11 it was pip's.
        name = "tomllib" if sys.version_info >= (3, 11) else "pip._vendor.tomli"
        try:
            reader = importlib.import_module(name)
        except ImportError:
            missing(name)
        wanted = reader.loads(PYPROJECT)["project"]
        self.assertEqual(wheel_metadata.project(PYPROJECT), wanted)

    def test_what_our_reading_does_not_understand_is_an_error(self) -> None:
        for line in ("urls = { Source = 'x' }", "a = 'literal'", "b = 1"):
            with self.subTest(line), self.assertRaises(ValueError):
                wheel_metadata.project('[project]\nname = "x"\n' + line + "\n\n[tool.x]\n")


class Contents(unittest.TestCase):
    folder: Path
    wheel: Path
    info: str
    entries: list[zipfile.ZipInfo]
    files: dict[str, bytes]

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, folder)
        cls.folder = Path(folder)
        cls.wheel = build_wheel.write(LIBRARY, cls.folder)
        with zipfile.ZipFile(str(cls.wheel)) as archive:
            cls.entries = archive.infolist()
            cls.files = {entry.filename: archive.read(entry) for entry in cls.entries}
        cls.info = "greenhub-%s.dist-info/" % greenhub.__version__

    def test_the_same_input_gives_the_same_bytes(self) -> None:
        # From elsewhere, later, and by another Python process, whose hashes are others.
        code = (
            "import sys, pathlib, build_wheel; build_wheel.write(*map(pathlib.Path, sys.argv[1:]))"
        )
        again = self.folder / "again"
        elsewhere = self.folder / "copy.so"
        shutil.copy(str(LIBRARY), str(elsewhere))
        os.utime(str(elsewhere), (0, 0))
        subprocess.run(
            [sys.executable, "-c", code, str(elsewhere), str(again)],
            env={**os.environ, "PYTHONPATH": str(PROJECT / "tools"), "PYTHONHASHSEED": "7"},
            check=True,
            timeout=60,
        )
        self.assertEqual((again / self.wheel.name).read_bytes(), self.wheel.read_bytes())

    def test_the_name_says_every_python_and_this_platform(self) -> None:
        tag = build_wheel.platform_tag(elf.read(LIBRARY))
        self.assertEqual(
            self.wheel.name, "greenhub-%s-py3-none-%s.whl" % (greenhub.__version__, tag)
        )
        lines = self.files[self.info + "WHEEL"].decode().splitlines()
        self.assertIn("Root-Is-Purelib: false", lines)
        tags = [line for line in lines if line.startswith("Tag: ")]
        self.assertEqual(tags, ["Tag: py3-none-" + name for name in tag.split(".")])

    def test_the_record_has_every_file_with_its_digest(self) -> None:
        record = self.info + "RECORD"
        rows = list(csv.reader(io.StringIO(self.files[record].decode())))
        self.assertEqual([row[0] for row in rows], list(self.files))
        for name, digest, length in rows:
            if name == record:
                self.assertEqual((digest, length), ("", ""))
                continue
            method, _, text = digest.partition("=")
            self.assertEqual(method, "sha256")
            wanted = hashlib.sha256(self.files[name]).digest()
            self.assertEqual(base64.urlsafe_b64decode(text + "="), wanted, name)
            self.assertEqual(int(length), len(self.files[name]), name)

    def test_it_holds_the_package_whole_and_nothing_else(self) -> None:
        package = PROJECT / "greenhub"
        modules = {it.relative_to(PROJECT).as_posix() for it in package.rglob("*.py")}
        self.assertGreater(len(modules), 2)
        found = {name for name in self.files if not name.startswith(self.info)}
        self.assertEqual(found, modules | {"greenhub/py.typed", "greenhub/libgreenhub.so"})

    def test_the_library_is_whole_without_its_debug_information(self) -> None:
        path = self.folder / "bundled.so"
        path.write_bytes(self.files["greenhub/libgreenhub.so"])
        self.assertEqual(elf.read(path), elf.read(LIBRARY))
        self.assertFalse(b"\0.debug_info\0" in path.read_bytes(), "it has the section .debug_info")

    def test_files_can_be_read_and_the_library_be_loaded_by_everybody(self) -> None:
        for entry in self.entries:
            mode = entry.external_attr >> 16
            self.assertEqual(mode, 0o100755 if entry.filename.endswith(".so") else 0o100644)

    def test_metadata_says_what_installers_ask(self) -> None:
        message = Parser().parsestr(self.files[self.info + "METADATA"].decode())
        self.assertEqual(message["Name"], "greenhub")
        self.assertEqual(message["Version"], greenhub.__version__)
        self.assertEqual(message["Requires-Python"], ">=3.8")
        self.assertIsNone(message["Requires-Dist"])
        manifest = (TOP / "Cargo.toml").read_text()
        self.assertIn('license = "%s"' % message["License-Expression"], manifest)
        for name in message.get_all("License-File", []):
            self.assertEqual(self.files[self.info + "licenses/" + name], (TOP / name).read_bytes())
        self.assertEqual(len(message.get_all("License-File", [])), 2)
        readme = (PROJECT / "README.md").read_text(encoding="utf-8")
        self.assertEqual(message.get_payload(), readme)

    def test_a_library_of_another_soname_is_refused(self) -> None:
        for path in Path("/").glob("lib*/**/libm.so.6"):
            with self.assertRaisesRegex(build_wheel.BuildError, "is libm.so.6, not libgreenhub.so"):
                build_wheel.contents(path)
            return
        missing("libm.so.6")


class Backend(unittest.TestCase):
    """What pip calls for `pip install ./python_ctypes`."""

    def test_it_builds_a_wheel_around_a_library_that_is_named(self) -> None:
        code = "import build_wheel, sys; print(build_wheel.build_wheel(sys.argv[1]))"
        environment = {
            **os.environ,
            "PYTHONPATH": str(PROJECT / "tools"),
            "GREENHUB_LIBRARY": str(LIBRARY),
        }
        with tempfile.TemporaryDirectory() as folder:
            result = subprocess.run(
                [sys.executable, "-c", code, folder],
                env=environment,
                capture_output=True,
                text=True,
                timeout=60,
            )
            self.assertEqual(result.stderr, "")
            self.assertEqual(os.listdir(folder), [result.stdout.strip()])

    def test_it_says_that_there_is_no_source_distribution(self) -> None:
        with self.assertRaises(build_wheel.UnsupportedOperation):
            build_wheel.build_sdist("nowhere")


if __name__ == "__main__":
    unittest.main()
