# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three hosts and a CA on this machine: issue, run again, and show the served certificates. python -m tests.demo"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from cryptography import x509

from tests.fleet.fleet import Run
from tests.lab import Lab, LabError

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]


def main() -> int:
    try:
        with Lab(CHECKOUT / "build" / "demo", hosts=3, collections_path=str(CHECKOUT / "build/collections_dev")) as lab:
            return show(lab)
    except LabError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1


def show(lab: Lab) -> int:
    """Show the demo, with a lab that is up. Return the exit status."""
    print(f"\n== The lab is up: {', '.join(map(lab.fqdn, lab.hosts))}, and a CA at {lab.pebble.directory_url}")
    for title, may_change in (("The first run: what changes", True), ("The second run: nothing", False)):
        print(f"\n== {title}", flush=True)
        run = play(lab)
        if run.code != 0:
            return 1
        if not may_change and run.hosts_with("changed"):
            print(f"demo: it changed something on {', '.join(run.hosts_with('changed'))}", file=sys.stderr)
            return 1
    print("\n== What each host's nginx serves over HTTPS")
    verified = [describe(lab, host) for host in lab.hosts]
    return 0 if all(verified) else 1


def play(lab: Lab) -> Run:
    """Run ansible-playbook as a user would, and show its output as it comes."""
    command = ["ansible-playbook", str(HERE / "site.yml"), "-e", f"@{lab.state}/vars.json", "-e", f"@{HERE}/vars.yml"]
    command += ["-e", f"acme_account_key_src={lab.state}/ansible/account-key.pem"]
    command += ["-e", f"acme_history={lab.state}/ansible/history.jsonl"]
    lines = []
    with lab.popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            lines.append(line)
    return Run(process.returncode, "".join(lines))


def describe(lab: Lab, host: str) -> bool:
    """Print what a host serves; whether it is verified against the CA's root."""
    name = lab.fqdn(host)
    try:
        served = lab.served(host, name, roots=lab.pebble.root_pem())
        verified = "yes"
    except OSError as error:
        verified = f"no ({error})"
        try:
            served = lab.served(host, name)
        except OSError as error:
            print(f"{name}: nothing is served: {error}")
            return False
    certificate = x509.load_der_x509_certificate(served)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    print(f"https://{name}")
    print(f"  names     {', '.join(names.get_values_for_type(x509.DNSName))}")
    print(f"  issuer    {certificate.issuer.rfc4514_string()}")
    aware = hasattr(certificate, "not_valid_after_utc")  # from cryptography 42 on
    expires = certificate.not_valid_after_utc if aware else certificate.not_valid_after
    print(f"  expires   {expires:%Y-%m-%d %H:%M} UTC")
    print(f"  verified against the CA's root: {verified}")
    return verified == "yes"


if __name__ == "__main__":
    sys.exit(main())
