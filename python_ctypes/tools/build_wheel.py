#!/usr/bin/env python3
"""Builds the wheel: the package, the library, and what describes them, in one zip file.

Usage: build_wheel.py --library FILE --out FOLDER. The same input gives the same bytes.

It is a build backend for pip as well (PEP 517), named by pyproject.toml, so that
`pip install ./python_ctypes` works in a checkout: it takes $GREENHUB_LIBRARY, or has cargo build
a library.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import c_header
import elf
import wheel_metadata

PROJECT = Path(__file__).resolve().parent.parent
TOP = PROJECT.parent
PACKAGE = "greenhub"
LIBRARY = "libgreenhub.so"

# What every glibc system has, of what a library of ours could need.
SYSTEM = {
    "ld-linux-aarch64.so.1",
    "ld-linux-x86-64.so.2",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
}
# That of manylinux2014, the oldest platform that the installers of all our Pythons know.
OLDEST_GLIBC = (2, 17)

# Zip files cannot say less.
LONG_AGO = (1980, 1, 1, 0, 0, 0)


class BuildError(Exception):
    """There can be no wheel; the text says why."""


class UnsupportedOperation(BuildError):
    """PEP 517's word for a hook that is there but cannot serve."""


def platform_tag(needs: elf.Needs) -> str:
    """The platforms on which a library can be loaded, as PEP 600 names them.

    :raises BuildError: it needs what a platform of that kind does not promise
    """
    foreign = set(needs.libraries) - SYSTEM
    if foreign:
        raise BuildError("the library needs %s: no wheel may" % ", ".join(sorted(foreign)))
    glibc = [
        tuple(int(part) for part in version[len("GLIBC_") :].split("."))[:2]
        for versions in needs.versions.values()
        for version in versions
        if version.startswith("GLIBC_") and version[len("GLIBC_")].isdigit()
    ]
    if not glibc:
        raise BuildError("the library needs no glibc: such a wheel is not supported")
    major, minor = max([OLDEST_GLIBC, *glibc])
    tag = "manylinux_%d_%d_%s" % (major, minor, needs.machine)
    # The older name, for a pip from before PEP 600.
    old = ".manylinux2014_" + needs.machine if (major, minor) == OLDEST_GLIBC else ""
    return tag + old


def stripped(library: Path) -> bytes:
    """The library without its debug information, which is six times as long as the rest."""
    strip = os.environ.get("STRIP") or "strip"
    if not shutil.which(strip):
        raise BuildError("no %s: install binutils, or set $STRIP" % strip)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / LIBRARY
        command = [strip, "--strip-debug", "-o", str(out), str(library)]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode:
            raise BuildError("%s: %s" % (" ".join(command), result.stderr.strip()))
        return out.read_bytes()


def sources() -> dict[str, bytes]:
    """The package's own files by their names in the wheel."""
    folder = PROJECT / PACKAGE
    paths = [path for path in folder.rglob("*") if path.suffix == ".py" or path.name == "py.typed"]
    return {path.relative_to(PROJECT).as_posix(): path.read_bytes() for path in paths}


def contents(library: Path) -> tuple[str, dict[str, bytes]]:
    """The wheel's file name, and its files in their order, RECORD last."""
    header = c_header.parse((TOP / "include" / "greenhub.h").read_text(encoding="utf-8"))
    version = str(header.constants["GH_VERSION_STRING"])
    needs = elf.read(library)
    soname = "libgreenhub.so.%d" % int(header.constants["GH_ABI_VERSION"])
    if needs.soname != soname:
        raise BuildError("%s is %s, not %s" % (library, needs.soname or "nameless", soname))
    tags = "py3-none-" + platform_tag(needs)

    files = dict(sorted(sources().items()))
    files[PACKAGE + "/" + LIBRARY] = stripped(library)
    info = "%s-%s.dist-info/" % (PACKAGE, version)
    table = wheel_metadata.project((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    licenses = sorted(path.name for path in TOP.glob("LICENSE-*"))
    readme = (PROJECT / str(table["readme"])).read_text(encoding="utf-8")
    text = wheel_metadata.metadata(table, version, licenses, readme)
    files[info + "METADATA"] = text.encode()
    # Not "purelib": the library is the machine's own.
    lines = ["Wheel-Version: 1.0", "Generator: build_wheel.py", "Root-Is-Purelib: false"]
    lines += ["Tag: py3-none-" + platform for platform in platform_tag(needs).split(".")]
    files[info + "WHEEL"] = ("\n".join(lines) + "\n").encode()
    for name in licenses:
        files[info + "licenses/" + name] = (TOP / name).read_bytes()
    files[info + "RECORD"] = record(files, info + "RECORD")
    return "%s-%s-%s.whl" % (PACKAGE, version, tags), files


def record(files: dict[str, bytes], own: str) -> bytes:
    """Name, digest and length of every file; of the record itself the name alone."""
    lines = []
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append("%s,sha256=%s,%d" % (name, digest, len(data)))
    return ("\n".join([*lines, own + ",,"]) + "\n").encode()


def write(library: Path, folder: Path) -> Path:
    """Builds the wheel for a library into a folder, and tells its path.

    :raises BuildError: see the text
    :raises elf.ElfError: the library is no shared object that is understood
    """
    name, files = contents(library)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    partial = folder / (name + ".partial")
    with zipfile.ZipFile(str(partial), "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for member, data in files.items():
            entry = zipfile.ZipInfo(member, LONG_AGO)
            mode = 0o755 if member.endswith(".so") else 0o644
            # Unix, so that the mode below counts, wherever the wheel is built.
            entry.create_system = 3
            entry.external_attr = (stat.S_IFREG | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    # Whoever takes a wheel from the folder meanwhile takes a whole one.
    os.replace(str(partial), str(path))
    return path


def _library() -> Path:
    """The library for pip: the one that is named, or a fresh one."""
    if not (TOP / "Cargo.toml").is_file():
        raise BuildError(
            "%s is no checkout of libgreenhub: install from one, with pip 21.3 or later, which"
            " builds in place" % TOP
        )
    chosen = os.environ.get("GREENHUB_LIBRARY")
    if chosen:
        return Path(chosen)
    if not shutil.which("cargo"):
        raise BuildError("no cargo: install Rust, or set $GREENHUB_LIBRARY to a built " + LIBRARY)
    # Standard output is pip's; cargo tells what it does on standard error.
    subprocess.run(["cargo", "build", "--release", "--lib"], cwd=str(TOP), check=True)
    return TOP / os.environ.get("CARGO_TARGET_DIR", "target") / "release" / LIBRARY


def build_wheel(
    wheel_directory: str,
    config_settings: dict[str, Any] | None = None,
    metadata_directory: str | None = None,
) -> str:
    """PEP 517's hook, called by pip."""
    return write(_library(), Path(wheel_directory)).name


def build_sdist(sdist_directory: str, config_settings: dict[str, Any] | None = None) -> str:
    """PEP 517's hook. The package's source is the whole repository, which a source distribution of
    this folder would not hold."""
    raise UnsupportedOperation("build a wheel, or take the repository")


def main() -> int:
    parser = argparse.ArgumentParser(description="Builds the wheel.")
    parser.add_argument("--library", type=Path, required=True, help="the library to bundle")
    parser.add_argument("--out", type=Path, required=True, help="the folder to build into")
    arguments = parser.parse_args()
    try:
        print(write(arguments.library, arguments.out))
    except (BuildError, elf.ElfError, OSError) as error:
        sys.stderr.write("build_wheel: %s\n" % error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
