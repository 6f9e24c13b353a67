"""Which library is loaded, what an unfit one is told, and that an import does nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import greenhub
from greenhub import _bindings, _library
from support import TOP, run_python

PACKAGE = Path(_library.__file__).parent
TELL = "import greenhub._library as it; print(it.path, it.library.gh_version_string().decode())"


class Folder(unittest.TestCase):
    """Each test has the package's modules in a folder, without a library; one is beside them."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(os.path.realpath(folder.name))
        self.package = self.folder / "greenhub"
        self.package.mkdir()
        for name in ("_bindings.py", "_library.py"):
            shutil.copy(str(PACKAGE / name), str(self.package / name))
        # The package's own would load the whole of it.
        (self.package / "__init__.py").write_text("")
        self.library = self.folder / "elsewhere.so"
        shutil.copy(_library.path, str(self.library))

    def run_python(
        self, code: str, *arguments: str, **environment: str | None
    ) -> subprocess.CompletedProcess[str]:
        """With this folder's package, and no library named unless the test does."""
        variables = {"PYTHONPATH": str(self.folder), "GREENHUB_LIBRARY": None, **environment}
        return run_python(code, *arguments, **variables)

    def told(self, code: str = TELL, *arguments: str, **environment: str | None) -> str:
        """The path of the library that was loaded."""
        result = self.run_python(code, *arguments, **environment)
        self.assertEqual(result.stderr, "")
        path, version = result.stdout.split()
        self.assertEqual(version, _bindings.GH_VERSION_STRING)
        return path

    def refused(self, **environment: str | None) -> str:
        """The text of the ImportError."""
        result = self.run_python(TELL, **environment)
        self.assertEqual(result.stdout, "")
        last = result.stderr.strip().splitlines()[-1]
        self.assertTrue(last.startswith("ImportError: greenhub: "), result.stderr)
        return last

    def bundle(self) -> str:
        """Puts a library where the wheel has it."""
        path = self.package / "libgreenhub.so"
        shutil.copy(str(self.library), str(path))
        return str(path)

    def install(self) -> tuple[str, str]:
        """Puts a library where the loader finds it, and tells the folder and the path."""
        folder = self.folder / "system"
        folder.mkdir()
        path = folder / _library.SONAME
        shutil.copy(str(self.library), str(path))
        return str(folder), str(path)


class Order(Folder):
    def test_the_variable_comes_first(self) -> None:
        self.bundle()
        self.assertEqual(self.told(GREENHUB_LIBRARY=str(self.library)), str(self.library))

    def test_an_empty_variable_is_none(self) -> None:
        bundled = self.bundle()
        self.assertEqual(self.told(GREENHUB_LIBRARY=""), bundled)

    def test_the_bundled_one_comes_before_the_system_s(self) -> None:
        folder, _ = self.install()
        bundled = self.bundle()
        self.assertEqual(self.told(LD_LIBRARY_PATH=folder), bundled)

    def test_the_system_s_is_found_by_its_soname(self) -> None:
        folder, path = self.install()
        self.assertEqual(self.told(LD_LIBRARY_PATH=folder), path)

    def test_a_name_without_a_folder_is_the_loader_s_to_find(self) -> None:
        folder, path = self.install()
        self.bundle()
        found = self.told(LD_LIBRARY_PATH=folder, GREENHUB_LIBRARY=_library.SONAME)
        self.assertEqual(found, path)

    def test_one_that_the_process_has_loaded_is_not_loaded_twice(self) -> None:
        self.bundle()
        code = "import ctypes, sys; ctypes.CDLL(sys.argv[1])\n" + TELL
        self.assertEqual(self.told(code, str(self.library)), str(self.library))


class Refused(Folder):
    def rewrite(self, name: str, value: object) -> None:
        """Has the package wish for something else."""
        path = self.package / "_bindings.py"
        old = path.read_text()
        new = re.sub(r"(?m)^%s = .*$" % name, "%s = %r" % (name, value), old)
        self.assertNotEqual(old, new)
        path.write_text(new)

    def test_another_abi(self) -> None:
        self.rewrite("GH_ABI_VERSION", _bindings.GH_ABI_VERSION + 7)
        text = self.refused(GREENHUB_LIBRARY=str(self.library))
        version = _bindings.GH_VERSION_STRING
        found = "%s is libgreenhub %s with ABI %d" % (
            self.library,
            version,
            _bindings.GH_ABI_VERSION,
        )
        self.assertIn(found, text)
        wanted = "needs %s or later with ABI %d" % (version, _bindings.GH_ABI_VERSION + 7)
        self.assertIn(wanted, text)

    def test_an_older_version_of_the_same_abi(self) -> None:
        self.rewrite("GH_VERSION_NUM", 99 << 16)
        self.rewrite("GH_VERSION_STRING", "99.0.0")
        text = self.refused(GREENHUB_LIBRARY=str(self.library))
        self.assertIn("%s is libgreenhub %s" % (self.library, _bindings.GH_VERSION_STRING), text)
        self.assertIn("needs 99.0.0 or later", text)

    def test_a_newer_version_of_the_same_abi_is_not(self) -> None:
        self.rewrite("GH_VERSION_NUM", 1)
        self.assertEqual(self.told(GREENHUB_LIBRARY=str(self.library)), str(self.library))

    def test_a_library_without_one_of_the_functions(self) -> None:
        path = self.package / "_bindings.py"
        path.write_text(path.read_text().replace('("gh_yield"', '("gh_yield_later"'))
        text = self.refused(GREENHUB_LIBRARY=str(self.library))
        self.assertIn(str(self.library), text)
        self.assertIn("gh_yield_later", text)

    def test_a_library_that_is_another(self) -> None:
        text = self.refused(GREENHUB_LIBRARY="libm.so.6")
        self.assertIn("libm.so.6 is not libgreenhub " + _bindings.GH_VERSION_STRING, text)

    def test_a_path_that_leads_nowhere_even_beside_a_bundled_library(self) -> None:
        self.bundle()
        missing = str(self.folder / "missing.so")
        text = self.refused(GREENHUB_LIBRARY=missing)
        self.assertIn(missing, text)
        self.assertIn("$GREENHUB_LIBRARY", text)

    def test_a_bundled_library_that_does_not_load_even_beside_the_system_s(self) -> None:
        folder, _ = self.install()
        Path(self.bundle()).write_bytes(b"no library")
        text = self.refused(LD_LIBRARY_PATH=folder)
        self.assertIn(str(self.package / "libgreenhub.so"), text)

    def test_no_library_at_all(self) -> None:
        text = self.refused(LD_LIBRARY_PATH=None)
        for part in (_library.SONAME, "$GREENHUB_LIBRARY", str(self.package / "libgreenhub.so")):
            self.assertIn(part, text)

    def test_the_exception_names_package_and_file(self) -> None:
        code = """
            try:
                import greenhub._library
            except ImportError as error:
                print(error.name, error.path)
        """
        missing = str(self.folder / "missing.so")
        result = self.run_python(code, GREENHUB_LIBRARY=missing)
        self.assertEqual(result.stdout.split(), ["greenhub", missing], result.stderr)


class Import(unittest.TestCase):
    def test_it_starts_nothing_and_changes_nothing(self) -> None:
        code = """
            import os, signal, socket, sys, threading, time
            import _thread, select, ssl, subprocess, queue  # what a patch would be after
            import ctypes  # whose libffi may keep a descriptor open

            def state():
                status = open("/proc/self/status").read().splitlines()
                # Not SigQ, which counts those of all processes of the user.
                kept = ("SigPnd", "SigBlk", "SigIgn", "SigCgt", "ShdPnd", "Threads")
                lines = [line for line in status if line.startswith(kept)]
                modules = (_thread, os, queue, select, signal, socket, ssl, subprocess)
                found = {
                    module.__name__ + "." + name: id(it)
                    for module in modules + (sys, threading, time)
                    for name, it in vars(module).items()
                }
                found["descriptors"] = sorted(os.listdir("/proc/self/fd"))
                found["status"] = lines
                found["threads"] = [it.name for it in threading.enumerate()]
                found["trace"] = (sys.gettrace(), sys.getprofile())
                found["interval"] = sys.getswitchinterval()
                return found

            before = state()
            import greenhub
            import greenhub._library
            after = state()
            for key in sorted(set(before) | set(after)):
                if before.get(key) != after.get(key):
                    print("changed:", key, before.get(key), after.get(key))
            from greenhub._bindings import gh_patch_visitor
            print("slots", greenhub._library.library.gh_patch_info(gh_patch_visitor(), None))
        """
        result = run_python(code)
        self.assertEqual((result.stdout, result.stderr), ("slots 0\n", ""))

    def test_the_library_is_there_for_extension_modules_but_not_for_everybody(self) -> None:
        code = """
            import ctypes, os, greenhub._library as it
            same = ctypes.CDLL(it.SONAME, mode=os.RTLD_NOLOAD)
            print(same._handle == it.pydll._handle, hasattr(ctypes.CDLL(None), "gh_version"))
        """
        result = run_python(code)
        self.assertEqual((result.stdout, result.stderr), ("True False\n", ""))

    def test_it_makes_no_hub(self) -> None:
        # gh_hub_new() refuses an OS thread that has one.
        code = """
            import ctypes, greenhub
            from greenhub._library import library
            hub = ctypes.c_void_p()
            print(library.gh_hub_new(ctypes.byref(hub), None))
        """
        result = run_python(code)
        self.assertEqual((result.stdout, result.stderr), ("0\n", ""))

    def test_a_subinterpreter_is_told_that_it_cannot_be_served(self) -> None:
        code = """
            try:
                import _interpreters as interpreters
            except ImportError:
                import _xxsubinterpreters as interpreters
            run = getattr(interpreters, "run_string", None) or interpreters.exec
            run(interpreters.create(), '''if True:
                try:
                    import greenhub
                except ImportError as error:
                    print("subinterpreter" in str(error), flush=True)
            ''')
            # The modules that were imported before end 3.12 with an error of their own.
            __import__("os")._exit(0)
        """
        result = run_python(code)
        self.assertEqual((result.stdout, result.stderr), ("True\n", ""))

    def test_the_version_is_that_of_the_crate(self) -> None:
        manifest = (TOP / "Cargo.toml").read_text()
        found = re.search(r'(?m)^version = "(.*)"$', manifest)
        assert found
        self.assertEqual(greenhub.__version__, found.group(1))
        self.assertEqual(_library.library.gh_version_string().decode(), greenhub.__version__)

    def test_a_checker_is_told_that_the_package_has_types(self) -> None:
        self.assertTrue((PACKAGE / "py.typed").is_file())

    def test_python_under_test_is_one_that_is_supported(self) -> None:
        self.assertGreaterEqual(sys.version_info, (3, 8))


if __name__ == "__main__":
    unittest.main()
