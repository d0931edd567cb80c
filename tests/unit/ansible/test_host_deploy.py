# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that the module certificate refuses before any change, and files that it leaves to other certificates."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import MagicMock

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.certfleet.tls.plugins.module_utils._ansible import host_deploy
from ansible_collections.certfleet.tls.plugins.module_utils._common.errors import CollectionError
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import UNORDERED
from ansible_collections.certfleet.tls.plugins.module_utils._host.wanted.claim import DEFAULT_CLAIM
from tests.unit.host import host
from tests.unit.host.format_options import asking, option, wanted


def checked(home, *certificates, concerned="shop"):
    results = [{"name": name, "status": "valid", "action": None} for name in concerned.split()]
    return host_deploy.concerned(
        {
            "home": str(home),
            "certificates": list(certificates),
            "results": results,
            "after_handlers": [],
            "challenges": [],
            "directories": [],
        },
        DEFAULT_CLAIM,
    )


def validated(result):
    """Return what Ansible makes of the options with one result."""
    given = {"certificates": [asking("shop")], "results": [result]}
    return ArgumentSpecValidator(dict(host_deploy.SPEC)).validate(given)


def refusals(tmp_path):
    own = option("combined", tmp_path / "acme" / "live" / "shop" / "privkey.pem")
    shop = asking("shop", option("pkcs12", tmp_path / "shop.p12", passphrase="open, sesame!"))
    return {
        "is in": [asking("shop", own)],
        "another certificate has": [shop, asking("mail", option("der", tmp_path / "shop.p12"))],
        "Ansible hides": [{**shop, "reload": [{"notify": "Say open, sesame!"}]}],
        "fewer than 12 characters": [asking("shop", option("pkcs12", tmp_path / "shop.p12", passphrase="changeit"))],
    }


@pytest.mark.parametrize("text", ["is in", "another certificate has", "Ansible hides", "fewer than 12 characters"])
def test_checked_invalid_formats_raise(tmp_path, text):
    certificates = refusals(tmp_path)[text]
    with pytest.raises(CollectionError, match=f"^certificate shop: .*{text}"):
        checked(tmp_path / "acme", *certificates)
    assert list(checked(tmp_path / "acme", *certificates, asking("other"), concerned="other")) == ["other"], "alone"


@pytest.mark.parametrize(
    ("meaning", "message"),
    [
        ({}, "one of the following is required: status, action found in results"),
        ({"status": "failed", "action": "keep"}, "parameters are mutually exclusive: status|action found in results"),
        *(({"status": word}, f"got: {word} found in results") for word in (*UNORDERED, "notified", "pending", "")),
        *(({"action": word}, f"got: {word} found in results") for word in ("issue", "receive", "refuse", "valid", "")),
    ],
)
def test_options_result_without_known_meaning_is_refused(meaning, message):
    # The oldest ansible-core also refuses nulls of the certificates here.
    assert validated({"name": "shop", **meaning}).error_messages[-1].endswith(message)


@pytest.mark.parametrize("meaning", [{"status": None}, {"action": None}])
def test_concerned_result_with_null_alone_raises(tmp_path, meaning):
    parameters = validated({"name": "shop", **meaning}).validated_parameters
    with pytest.raises(CollectionError, match=r"^results needs either a status or an action for certificate 'shop'"):
        host_deploy.concerned(parameters, DEFAULT_CLAIM)


def test_remove_keeps_format_file_of_listed_certificate(tmp_path):
    (tmp_path / "srv").mkdir()
    path = tmp_path / "srv" / "x.pem"
    host.make_live(tmp_path / "acme", wanted(option("combined", path)))
    task = MagicMock(check_mode=False)
    task.params = {"home": str(tmp_path / "acme"), "certificates": [asking("store", option("combined", path))]}
    removed = {"name": "shop", "status": None, "action": "remove"}
    task.params |= {"list": "default", "reassign": False, "results": [removed], "challenges": [], "keep_versions": 3}
    task.params |= {"controller_time": None, "txt_records": []}
    task.params |= {"directories": [], "after_handlers": []}
    result = host_deploy.MODULE.result(task)
    assert result["changed"]
    page = (Path(__file__).parents[3] / "plugins" / "modules" / "certificate.py").read_text()
    documented = yaml.safe_load(page.split('RETURN = r"""')[1].split('"""')[0])
    of_the_action = {"directory", "not_first", "deviations"}  # which knows the CA
    assert set(result["certificates"][0]) == set(documented["certificates"]["contains"]) - of_the_action
    assert set(result) == {*documented, "changed", "diff"}
    assert path.exists()
    assert not (tmp_path / "acme" / "live" / "shop").is_symlink()


@pytest.mark.parametrize("status", ["failed", "deferred"])
def test_run_host_without_the_library_tells_only_what_stopped_its_certificates(monkeypatch, tmp_path, status):
    def lacking(_home):
        raise CollectionError("the Python library cryptography is missing")

    monkeypatch.setattr(host_deploy, "verify_host", lacking)
    result = {"name": "shop", "status": status, "problem": "no key", "resumable": True}
    given = {"home": str(tmp_path), "certificates": [], "results": [result]}
    params = ArgumentSpecValidator(dict(host_deploy.SPEC)).validate(given).validated_parameters
    task = MagicMock(params=params, check_mode=False)
    found = host_deploy.run(task)
    assert (found["failures"], found["deferred"]) == (
        ({"shop": "no key"}, {}) if status == "failed" else ({}, {"shop": "no key"})
    )
