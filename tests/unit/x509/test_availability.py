# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Availability of the library, in separate interpreters that have it, or an old one, or a broken one."""

from __future__ import annotations

import ast
import os
import subprocess
import sys

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._x509 import availability

# The interpreter's own folders but none where libraries are installed; in place of those a folder of the test's.
SCRIPT = f"""
import sys
sys.path[:] = [sys.argv[1], *(path for path in sys.path if "-packages" not in path)]
import importlib.util
spec = importlib.util.spec_from_file_location("library", {availability.__file__!r})
library = importlib.util.module_from_spec(spec)
spec.loader.exec_module(library)
print([library.problem(), library.import_problem()])
"""


def asked(folder):
    """Return the results of problem() and import_problem() where *folder* is the only one with libraries."""
    call = [sys.executable, "-S", "-E", "-c", SCRIPT, str(folder)]
    output = subprocess.run(call, capture_output=True, text=True, check=True).stdout
    return ast.literal_eval(output)


def install(folder, version, code=""):
    package = folder / "cryptography"
    (package / "x509").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "x509" / "__init__.py").write_text(code)
    if version is not None:
        (package / "__about__.py").write_text(f'# a comment\n__all__ = ["__version__"]\n\n__version__ = "{version}"\n')


def test_problem_of_this_library_is_empty():
    assert availability.problem() == availability.import_problem() == ""


def test_problem_missing_library_says_what_to_install(tmp_path):
    problem, broken = asked(tmp_path)
    assert problem == broken
    assert problem == f"the Python library cryptography is missing for {sys.executable}. Install python3-cryptography"


def test_problem_empty_folder_says_missing(tmp_path):
    (tmp_path / "cryptography").mkdir()
    assert "is missing" in asked(tmp_path)[0]


@pytest.mark.parametrize("version", ["1.9", "2.8", "3.2.1", "0.1", "3.2"])
def test_problem_old_library_names_its_version(tmp_path, version):
    install(tmp_path, version)
    problem, broken = asked(tmp_path)
    assert problem == broken
    short = ".".join(version.split(".")[:2])
    assert problem == (
        f"the Python library cryptography {short} of {sys.executable} is too old. "
        "Install python3-cryptography 3.3 or later"
    )


@pytest.mark.parametrize("version", ["3.3", "3.3.2", "3.4.8", "3.10", "4.0", "36.0.0", "50.0.2", "44.0.0.dev1"])
def test_problem_supported_library_is_empty(tmp_path, version):
    install(tmp_path, version)
    assert asked(tmp_path) == ["", ""]


@pytest.mark.parametrize("version", [None, "of a kind of its own"])
def test_problem_unknown_version_is_empty(tmp_path, version):
    install(tmp_path, version)
    assert asked(tmp_path) == ["", ""]


def test_import_problem_broken_library_says_reinstall(tmp_path):
    install(tmp_path, "42.0.1", "raise ImportError('libssl.so.3: cannot open shared object file')")
    problem, broken = asked(tmp_path)
    assert problem == ""
    assert broken == (
        f"the Python library cryptography of {sys.executable} is broken "
        "(libssl.so.3: cannot open shared object file). Reinstall python3-cryptography"
    )


def test_problem_imports_neither_library_nor_metadata():
    """Every daily run loads it on every host."""
    code = "import availability, sys; availability.problem(); print(sorted(sys.modules))"
    folder = os.path.dirname(availability.__file__)
    call = [sys.executable, "-S", "-E", "-c", f"import sys; sys.path.insert(0, {folder!r}); {code}"]
    output = subprocess.run(call, capture_output=True, text=True, check=True).stdout
    loaded = set(ast.literal_eval(output))
    assert not loaded & {"cryptography", "importlib.metadata"}
