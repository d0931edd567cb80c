# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results of the module about certificates adopted now or before, and about files that were named."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import MagicMock

import pytest
import yaml

from ansible_collections.certfleet.tls.plugins.module_utils._ansible import host_adopt
from tests.unit.host import ca, host, other_client_files
from tests.unit.host.format_options import COMMON


def documented(module, part):
    """Return the keys that a module documents for the elements of a part of its result."""
    path = Path(__file__).parents[3] / "plugins" / "modules" / f"{module}.py"
    return set(yaml.safe_load(path.read_text().split('RETURN = r"""')[1].split('"""')[0])[part]["contains"])


@pytest.fixture
def adopt(monkeypatch, tmp_path):
    """Runs the module; gives its result and its warnings."""

    def run(*named):
        files = [{"certificate": item.certificate, "key": item.key, "chain": item.chain} for item in named]
        wanted = {**COMMON, "name": "shop", "identifiers": host.WANTED.identifiers, "formats": []}
        params = {"home": str(tmp_path / "acme"), "certificates": [wanted], "directories": [host.DIRECTORY]}
        params |= {"list": "default", "reassign": False, "folders": [], "files": files}
        task = MagicMock(params=params, check_mode=False)
        monkeypatch.setattr(host_adopt.other_clients, "usual", list)
        monkeypatch.setattr(host_adopt, "datetime", MagicMock(now=lambda zone: ca.NOW))
        result = host_adopt.MODULE.result(task)
        assert not result.get("failed"), result
        return result, [call.args[0] for call in task.warn.call_args_list]

    return run


def test_adopt_repeated_run_reports_adopted_before(adopt, tmp_path):
    here = other_client_files.files(tmp_path / "here", other_client_files.PemFiles())
    other = other_client_files.files(tmp_path / "other", other_client_files.PemFiles(names=["other.example"]))
    for changed in (True, False):
        result, warnings = adopt(here, other)
        assert (result["changed"], bool(result["diff"])) == (changed, changed)
        assert [item["adopted"] for item in result["found"]] == ["shop", None]
        for part in ("certificates", "found"):
            assert {key for item in result[part] for key in item} == documented("certificate_adopt", part)
        assert warnings == []


def test_adopt_unusable_named_file_warns(adopt, tmp_path):
    here = other_client_files.files(tmp_path / "here", other_client_files.PemFiles())
    result, warnings = adopt(here._replace(certificate="/none.pem"))
    assert warnings == ["/none.pem, which files names, cannot be taken over: /none.pem has no readable certificate"]
    assert result["changed"] is False
