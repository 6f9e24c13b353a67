"""Reads from a shared object what it needs of its system: the machine, libraries, symbol versions.

The versions decide which systems a wheel may be offered to. They are read where the loader itself
reads them, so that nothing here depends on installed tools or on the machine.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import NamedTuple

MACHINES = {62: "x86_64", 183: "aarch64"}

# Program headers and entries of the dynamic section, as elf(5) numbers them.
PT_LOAD, PT_DYNAMIC = 1, 2
DT_NULL, DT_NEEDED, DT_STRTAB, DT_SONAME = 0, 1, 5, 14
DT_VERNEED, DT_VERNEEDNUM = 0x6FFFFFFE, 0x6FFFFFFF
# The loader only warns when such a version is missing: every symbol of it is weak.
VER_FLG_WEAK = 2


class ElfError(Exception):
    """The file is no shared object for a machine that is known."""


class Needs(NamedTuple):
    """What a shared object needs."""

    machine: str
    soname: str
    libraries: tuple[str, ...]
    versions: dict[str, tuple[str, ...]]
    """Symbol versions by library: `{"libc.so.6": ("GLIBC_2.17", ...)}`."""


def read(path: Path) -> Needs:
    """Reads a file.

    :raises ElfError: if it is not ELF for 64 bits, little endian, on one of MACHINES
    """
    data = path.read_bytes()
    if data[:6] != b"\x7fELF\x02\x01":
        raise ElfError("%s is not ELF for a little-endian machine of 64 bits" % path)
    try:
        return _read(data, path)
    except (struct.error, ValueError, KeyError, IndexError) as error:
        raise ElfError("%s is damaged: %s" % (path, error)) from error


def _read(data: bytes, path: Path) -> Needs:
    machine = struct.unpack_from("<H", data, 18)[0]
    if machine not in MACHINES:
        raise ElfError("%s is for machine %d, of which no wheel is known" % (path, machine))
    table, size, count = _program_headers(data)
    loads: list[tuple[int, int, int]] = []
    dynamic: list[tuple[int, int]] = []
    for at in range(table, table + size * count, size):
        kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", data, at)
        if kind == PT_LOAD:
            loads.append((address, address + length, offset))
        elif kind == PT_DYNAMIC:
            dynamic = list(struct.iter_unpack("<qQ", data[offset : offset + length]))
    entries = dynamic[: [tag for tag, _ in dynamic].index(DT_NULL)]
    single = dict(entries)

    def place(address: int) -> int:
        """Where in the file an address of the loaded object stands."""
        for start, end, offset in loads:
            if start <= address < end:
                return address - start + offset
        raise ValueError("address %#x" % address)

    strings = place(single[DT_STRTAB])

    def text(offset: int) -> str:
        start = strings + offset
        return data[start : data.index(b"\0", start)].decode()

    versions: dict[str, tuple[str, ...]] = {}
    at = place(single[DT_VERNEED]) if DT_VERNEED in single else 0
    for _ in range(single.get(DT_VERNEEDNUM, 0)):
        _, entries_of_file, file, first, following = struct.unpack_from("<HHIII", data, at)
        names = []
        entry = at + first
        for _ in range(entries_of_file):
            _, flags, _, name, beyond = struct.unpack_from("<IHHII", data, entry)
            if not flags & VER_FLG_WEAK:
                names.append(text(name))
            entry += beyond
        versions[text(file)] = tuple(names)
        at += following
    needed = tuple(text(value) for tag, value in entries if tag == DT_NEEDED)
    soname = text(single[DT_SONAME]) if DT_SONAME in single else ""
    return Needs(MACHINES[machine], soname, needed, versions)


def _program_headers(data: bytes) -> tuple[int, int, int]:
    """Where the table of program headers stands, the size of an entry, and how many there are."""
    (table,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    return table, size, count
