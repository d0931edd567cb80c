# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Providers that are tasks files: their headers, and what their tasks give to the modules.

A new tasks file needs a row in GIVEN, and one in SET_OPTION or BY_VALUE if its module is not like most.
"""

from __future__ import annotations

import importlib.machinery
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.certfleet.tls.plugins.module_utils._dns import task_files
from ansible_collections.certfleet.tls.plugins.module_utils._dns.errors import DnsError
from ansible_collections.certfleet.tls.plugins.module_utils._dns.providers import by_name

try:
    from ansible.template import trust_as_template
except ImportError:  # before 2.19

    def trust_as_template(text):
        return text


OMIT = "__omit_place_holder__test"
NAME, ZONE = "_acme-challenge.www.sub.example.com", "sub.example.com"
A, B, LONG = "valueA", "value-B_", "x" * 300
RECORD = {
    "name": NAME,
    "record": "_acme-challenge.www",
    "zone": ZONE,
    "changes": [A],
    "present": [A, B, LONG],
    "before": [B, LONG],
}
QUOTED = [f'"{A}"', f'"{B}"', f'"{"x" * 255}" "{"x" * 45}"']
#: For each file the options that its module gets from RECORD, without options of the entry.
GIVEN = {
    "route53": {"zone": ZONE, "record": NAME, "type": "TXT", "value": QUOTED, "overwrite": True},
    "azure_dns": {
        "zone_name": ZONE,
        "relative_name": "_acme-challenge.www",
        "record_type": "TXT",
        "records": [{"value": [A]}, {"value": [B]}, {"value": ["x" * 255, "x" * 45]}],
        "record_mode": "append",
    },
    "google_cloud_dns": {"name": f"{NAME}.", "type": "TXT", "target": QUOTED},
    "cloudflare": {"zone": ZONE, "record": "_acme-challenge.www", "type": "TXT", "value": A},
    "hetzner_dns": {"zone_name": ZONE, "record": NAME, "type": "TXT", "value": RECORD["present"]},
    "hosttech_dns": {"zone_name": ZONE, "record": NAME, "type": "TXT", "value": RECORD["present"]},
    "nsupdate": {"zone": ZONE, "record": f"{NAME}.", "type": "TXT", "value": RECORD["present"]},
}
#: The option of the module that has all values of a name, if it is not called value.
SET_OPTION = {"azure_dns": "records", "google_cloud_dns": "target"}
#: Files whose module adds and removes single values.
BY_VALUE = {"cloudflare"}


@pytest.fixture(params=task_files.names())
def file(request):
    return task_files.find(request.param)


def tasks_of(file):
    return yaml.safe_load(Path(file.path).read_text())


def arguments(file, **variables):
    """Return the options that the module gets for the first record, without omitted ones."""
    (task,) = tasks_of(file)
    # A file that loops over single values does so by subelements.
    first = variables["acme_dns_records"][0]
    variables["acme_dns_record"] = [first, first["changes"][0]] if "subelements" in task["loop"] else first
    templar = Templar(DataLoader(), variables={**variables, "omit": OMIT})

    def trusted(value):
        if isinstance(value, dict):
            return {name: trusted(item) for name, item in value.items()}
        return trust_as_template(value) if isinstance(value, str) else value

    found = {}
    for name, value in task[file.module].items():
        text = templar.template(trusted(value))
        if text != OMIT:
            found[name] = text
    return found


def test_names_each_file_has_a_row_and_no_provider_in_python_has_its_name():
    assert set(task_files.names()) == set(GIVEN)
    assert not set(task_files.names()) & set(by_name.CLASSES)


def test_header_marks_modules_of_single_values(file):
    assert file.replaces_sets is (file.name not in BY_VALUE)


def test_header_names_options_that_tasks_use(file):
    body = Path(file.path).read_text().split("---\n", 1)[1]
    used = set(re.findall(r"acme_dns_options\.([a-z0-9_]+)", body))
    assert used == {option.name for option in file.options}
    for option in file.options:
        assert option.help.endswith(".")
        # One that is not required is left out where the entry does not have it.
        guarded = re.search(rf"acme_dns_options\.{option.name} \| default\(", body)
        assert bool(guarded) is not option.required


def test_tasks_are_one_loop_that_shows_names_only(file):
    (task,) = tasks_of(file)
    optional = {"environment", "register", "until", "retries", "delay"}
    assert set(task) - optional == {"name", file.module, "loop", "loop_control", "no_log"}
    assert "acme_dns_records" in task["loop"]
    assert set(task["loop_control"]) == {"loop_var", "label"}
    assert task["loop_control"]["label"].endswith("name }}")
    if any(option.secret for option in file.options):
        assert task["no_log"] == "{{ acme_dns_no_log | default(true) }}"


@pytest.mark.parametrize(
    ("message", "left", "is_repeated"),
    [
        ("API error 429", 60, True),
        ("Rate limit exceeded", 60, True),
        ("Rate limit exceeded", -1, False),
        ("no such zone", 60, False),
    ],
)
def test_tasks_are_repeated_where_the_api_is_busy_until_the_deadline(file, message, left, is_repeated):
    (task,) = tasks_of(file)
    assert ("until" in task) is (file.name in ("cloudflare", "google_cloud_dns"))
    if "until" in task:
        # A text, as ansible-core before 2.19 makes one of it.
        variables = {"_acme_dns_change": {"failed": True, "msg": message}, "acme_dns_deadline": str(time.time() + left)}
        templar = Templar(DataLoader(), variables=variables)
        assert templar.template(trust_as_template(f"{{{{ {task['until']} }}}}")) is not is_repeated


def test_tasks_present_give_values_to_module(file):
    given = arguments(
        file,
        acme_dns_records=[RECORD],
        acme_dns_state="present",
        acme_dns_options={option.name: "7" for option in file.options if option.required},
    )
    expected = GIVEN[file.name]
    assert {name: given[name] for name in expected} == expected
    assert given.get("state") == "present"
    others = set(given) - set(expected) - {"state"}
    declared = {option.name for option in file.options}
    assert {name for name in others if name not in declared} <= {"time_to_live", "txt_transformation"}


def test_tasks_absent_last_value_removes_record_set(file):
    given = arguments(
        file,
        acme_dns_records=[{**RECORD, "present": [], "before": [A]}],
        acme_dns_state="absent",
        acme_dns_options={option.name: "7" for option in file.options if option.required},
    )
    assert given["state"] == "absent"
    if file.name in BY_VALUE:
        assert given["value"] == A
    else:
        assert given.get(SET_OPTION.get(file.name, "value"), []) == []


def test_tasks_absent_keeps_values_of_others(file):
    given = arguments(
        file,
        acme_dns_records=[{**RECORD, "present": [B], "before": [A, B]}],
        acme_dns_state="absent",
        acme_dns_options={option.name: "7" for option in file.options if option.required},
    )
    if file.name in BY_VALUE:
        assert (given["state"], given["value"]) == ("absent", A)
    else:
        assert given["state"] == "present"
        assert B in json.dumps(given[SET_OPTION.get(file.name, "value")])
        assert A not in json.dumps(given[SET_OPTION.get(file.name, "value")])
        assert given.get("record_mode", "purge") == "purge"


def header(text):
    return f"# title: A title\n# module: a.b.c\n{text}---\n- {{}}\n"


def test_find_header_is_yaml_after_any_other_comment(tmp_path):
    (tmp_path / "own.yml").write_text(
        "# Copyright: (c) somebody: else\n#\n"
        + header(
            "# requires: lxml\n# options:\n#   plain:\n#     description: One.\n"
            "#\n#   both:\n#     description: Two,\n#       and more.\n#     required: true\n#     secret: true\n#\n"
        )
    )
    file = task_files.find("own", tmp_path)
    assert (file.title, file.module, file.collection, file.requires) == ("A title", "a.b.c", "a.b", "lxml")
    assert [(option.name, option.help, option.required, option.secret) for option in file.options] == [
        ("plain", "One.", False, False),
        ("both", "Two, and more.", True, True),
    ]
    assert task_files.names(tmp_path) == ["own"]


def option(text):
    return header(f"# options:\n#   x:\n#     {text}\n")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- {}\n", "no header: no comment line begins with '# title:' before the first '---'"),
        ("---\n# title: x\n", "no header"),
        ("# title: x\n# options: {}\n---\n", "header.module is missing"),
        ("# title: x\n# module: notfull\n# options: {}\n---\n", "header.module has"),
        (header(""), "header.options is missing"),
        (header("# options:\n"), "header.options is not a mapping"),
        (header("# options: {}\n# reqires: lxml\n"), "header has the unknown key 'reqires'; known are title, module,"),
        ("# title:\n# module: a.b.c\n# options: {}\n---\n", "header.title is not a text"),
        (header("# options:\n#   No Option: {}\n"), "a key of header.options has"),
        (header("# options:\n#   x: text\n"), "header.options.x is not a mapping"),
        (option("required: true"), "header.options.x.description is missing"),
        (option("{description: y, secrit: true}"), "header.options.x has the unknown key 'secrit'"),
        (option("{description: y, secret: 'true'}"), "header.options.x.secret is not a boolean"),
        (option("description: one: two"), "header is not YAML in line 5 (mapping values are not allowed"),
        ("#\n" + header("# options: {}\n#text\n"), "header is not YAML in line 6"),
    ],
)
def test_find_invalid_header_is_refused_with_its_place(tmp_path, text, says):
    (tmp_path / "own.yml").write_text(text)
    with pytest.raises(DnsError) as error:
        task_files.find("own", tmp_path)
    assert str(error.value).startswith(f"invalid tasks file {tmp_path}/own.yml: ")
    assert says in str(error.value)


@pytest.mark.parametrize("loader", ["CSafeLoader", "SafeLoader"])
def test_find_header_of_each_file_is_valid_with_both_loaders(monkeypatch, loader):
    monkeypatch.setattr(task_files.yaml, "CSafeLoader", getattr(yaml, loader))
    assert [task_files.find(name).name for name in task_files.names()] == task_files.names()


def test_find_missing_collection_says_how_to_install(monkeypatch):
    file = task_files.find("route53")

    def none(name):
        if name == "ansible_collections.amazon.aws":
            raise ModuleNotFoundError(name="ansible_collections.amazon")
        raise AssertionError(name)

    monkeypatch.setattr(task_files, "find_spec", none)
    with pytest.raises(DnsError) as error:
        file.require_collection()
    assert str(error.value) == (
        "the provider route53 needs the module amazon.aws.route53, which is not installed: "
        "install it with: ansible-galaxy collection install amazon.aws"
    )
    monkeypatch.setattr(task_files, "find_spec", lambda name: None)
    with pytest.raises(DnsError):
        file.require_collection()
    monkeypatch.setattr(task_files, "find_spec", lambda name: importlib.machinery.ModuleSpec(name, None))
    file.require_collection()


# In the place of the module: refuses each of its first calls for now, and those for the name "bad" always.
REFUSING = """\
#!{python}
# WANT_JSON
import json, pathlib, sys
given = json.loads(pathlib.Path(sys.argv[1]).read_text())
log = pathlib.Path({log!r})
calls = log.read_text().splitlines() if log.exists() else []
record = given.get("record") or given["name"]
log.write_text("\\n".join([*calls, record]) + "\\n")
if "bad" in record:
    print(json.dumps({{"failed": True, "msg": "no such zone; Status: 404"}}))
elif calls.count(record) < 2:
    print(json.dumps({{"failed": True, "msg": {refusal!r}}}))
else:
    print(json.dumps({{"changed": True}}))
"""


@pytest.mark.parametrize(
    ("provider", "options", "refusal"),
    [
        ("cloudflare", {"api_token": "x"}, "API client is rate limited; Status: 429; Method: GET: Call: /zones"),
        (
            "google_cloud_dns",
            {"managed_zone": "z", "project": "p"},
            [{"domain": "usageLimits", "reason": "rateLimitExceeded"}],
        ),
    ],
)
def test_tasks_that_the_api_refuses_for_now_are_repeated(tmp_path, provider, options, refusal):
    file = task_files.find(provider)
    namespace, name, module = file.module.split(".")
    modules = tmp_path / "ansible_collections" / namespace / name / "plugins" / "modules"
    modules.mkdir(parents=True)
    log = tmp_path / "calls"
    (modules / f"{module}.py").write_text(REFUSING.format(python=sys.executable, log=str(log), refusal=refusal))
    (tmp_path / "tasks.yml").write_text(Path(file.path).read_text().replace("delay: 10", "delay: 0"))
    play = {"hosts": "localhost", "gather_facts": False, "tasks": [{"include_tasks": "tasks.yml"}]}
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
    records = [{**RECORD, "name": name, "record": name} for name in ("a", "bad", "c")]
    given = {
        "acme_dns_records": records,
        "acme_dns_state": "present",
        "acme_dns_options": options,
        "acme_dns_deadline": time.time() + 600,
    }
    command = [sys.executable, "-m", "ansible", "playbook", "play.yml", "-c", "local", "-e", json.dumps(given)]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert [line.rstrip(".") for line in log.read_text().splitlines()] == ["a", "a", "a", "bad", "c", "c", "c"]
