# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's tasks for Route 53, by Amazon's own module, against a stand-in for AWS."""

from __future__ import annotations

import json
import os

import pytest

from tests.integration.cloud import PROGRAMS, record, run_tasks
from tests.lab.process import wait

ZONE = "example.com"
NAME, OTHER = "_acme-challenge.example.com", "_acme-challenge.www.example.com"
URL = "http://127.0.0.1:5000"
ENDPOINT = {"endpoint_url": URL, "region": "us-east-1"}
KEYS = {"access_key": "the-access-key", "secret_key": "the-secret-key"}

# Another client's view: Amazon's library, without Ansible.
SEE = """\
import json, sys, boto3
url, access_key, secret_key, action, zone, *texts = sys.argv[1:]
keys = {"aws_access_key_id": access_key, "aws_secret_access_key": secret_key}
api = boto3.client("route53", endpoint_url=url, region_name="us-east-1", **keys)
if action == "zone":
    print(json.dumps(api.create_hosted_zone(Name=zone, CallerReference=zone)["HostedZone"]["Id"]))
elif action == "see":
    sets = api.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    sets = {found["Name"]: found["ResourceRecords"] for found in sets if found["Type"] == "TXT"}
    print(json.dumps({name: [value["Value"] for value in values] for name, values in sets.items()}))
else:
    values = [{"Value": f'"{text}"'} for text in texts[1:]]
    change = {"Name": texts[0], "Type": "TXT", "TTL": 60, "ResourceRecords": values}
    api.change_resource_record_sets(
        HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": change}]}
    )
    print(json.dumps(None))
"""


class Aws:
    """The stand-in, with one hosted zone."""

    def __init__(self, lab, folder):
        self.lab, self.folder = lab, folder
        wait(self._listens, 60, "moto does not listen", pause=0.1)
        self.zone = self._api("zone", ZONE)

    def see(self):
        """Return the values of each TXT record set."""
        return {name.rstrip("."): {value.strip('"') for value in found} for name, found in self._api("see").items()}

    def create(self, name, *values):
        self._api("create", name, *values)

    def change(self, state, wanted):
        """Run the tasks for values by name. Returns whether something was changed."""
        seen = self.see()
        records = [record(name, ZONE, values, seen.get(name, set()), state) for name, values in wanted.items()]
        done = run_tasks(self.lab, self.folder, "route53", state, records, {**KEYS, **ENDPOINT})
        assert done.returncode == 0, done.stdout
        return "changed=1" in done.stdout

    def _api(self, action, *arguments):
        zone = [] if action == "zone" else [self.zone]
        command = [PROGRAMS / "python", "-c", SEE, URL, *KEYS.values(), action, *zone, *arguments]
        return json.loads(self.lab.run(command, capture_output=True, check=True, text=True).stdout)

    def _listens(self):
        probe = ["curl", "--silent", "--output", "/dev/null", f"{URL}/moto-api/data.json"]
        return self.lab.run(probe).returncode == 0


@pytest.fixture
def aws(lab, tmp_path):
    with (tmp_path / "moto.log").open("wb") as log:
        assert PROGRAMS.exists(), "make test-integration installs what this test needs"
        command = [PROGRAMS / "moto_server", "--host", "127.0.0.1", "--port", "5000"]
        server = lab.popen(command, stdout=log, stderr=log, env={**os.environ, "NO_COLOR": "1"})
        try:
            yield Aws(lab, tmp_path)
        finally:
            server.kill()
            server.wait()


def test_route53_values_are_added_and_removed_one_by_one(aws):
    """An apex and its wildcard have a value each at one name, which also has a value of somebody else."""
    aws.create(NAME, "somebody's")
    assert aws.change("present", {NAME: {"one", "two"}, OTHER: {"three"}})
    assert aws.see() == {NAME: {"somebody's", "one", "two"}, OTHER: {"three"}}
    assert not aws.change("present", {NAME: {"one", "two"}, OTHER: {"three"}})
    assert aws.see() == {NAME: {"somebody's", "one", "two"}, OTHER: {"three"}}
    assert aws.change("absent", {NAME: {"one"}})
    assert aws.see() == {NAME: {"somebody's", "two"}, OTHER: {"three"}}
    assert aws.change("absent", {NAME: {"two"}, OTHER: {"three"}})
    assert aws.see() == {NAME: {"somebody's"}}
    assert not aws.change("absent", {NAME: {"two"}, OTHER: {"three"}})
    assert aws.see() == {NAME: {"somebody's"}}
