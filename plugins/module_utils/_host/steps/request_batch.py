# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys, certificate requests and challenges for all certificates of a host that are to be ordered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from ..._common.contracts import CertificateRequest
from ..._common.errors import CollectionError
from ..challenges import challenge_responses
from ..challenges.challenge_responses import ChallengeResponse
from ..store import noting
from . import key_transfer
from .preparation import Asked, PreparedRequest, prepare


class RequestBatch:
    """Prepare certificates to be ordered, and collect the results. One that fails stops no other.

    now: aware UTC. check: change nothing. receivers: by certificate, the public key to seal its private key to.
    failures: reasons by certificate.
    """

    def __init__(self, home: str, now: datetime, check: bool) -> None:
        self.home = home
        self.now = now
        self.check = check
        self.changed = False
        self.requests: list[CertificateRequest] = []
        self.receivers: dict[str, str] = {}
        self.failures: dict[str, str] = {}
        self.diff: list[dict[str, str]] = []

    @property
    def ready(self) -> list[str]:
        """The certificates whose order is in the journal and whose challenges are served."""
        return [item.name for item in self.requests if item.order_uri and item.name not in self.failures]

    def prepare(self, asked: Asked) -> None:
        """Make or resume the pending version of a certificate, and journal its order."""
        name = asked.wanted.name
        try:
            prepared = prepare(self.home, asked, self.now, self.check)
        except CollectionError as error:
            self.failures[name] = str(error)
            return
        self.changed |= prepared.changed
        self.diff.append(_difference(name, prepared))
        order = prepared.order
        self.requests.append(
            CertificateRequest(
                name=name,
                identifiers=tuple(asked.wanted.identifiers),
                csr_content=prepared.request.decode() if prepared.request else None,
                profile=asked.wanted.profile,
                order_uri=(order.order_uri or None) if order else None,
                account_uri=order.account_uri if order else None,
                version=prepared.version,
                reused=prepared.reused,
            )
        )

    def await_key(self, name: str) -> None:
        """Make a key to receive a certificate's private key with; none in a check."""
        try:
            if not self.check:
                self.receivers[name] = key_transfer.await_key(self.home, name)
            self.changed = True
        except CollectionError as error:
            self.failures[name] = str(error)

    def note_records(
        self, list_name: str, records: Sequence[Mapping[str, Any]], now: datetime, lifetime: timedelta
    ) -> None:
        """Note the TXT records that will be set for prepared certificates: a later run has to know what one leaves.

        *records*: as the module's option `txt_records`. *now*: aware UTC, by the controller's clock. *lifetime*: within
        which the run ends.
        """
        wanted = [record for record in records if record["certificate"] not in self.failures]
        if self.check:
            return
        try:
            noting.add(self.home, list_name, wanted, now, lifetime)
        except CollectionError as error:
            self.failures.update(dict.fromkeys((record["certificate"] for record in wanted), str(error)))

    def serve(self, responses: Sequence[ChallengeResponse]) -> None:
        """Serve the challenges of certificates that are prepared, whose orders are in the journal by then.

        The next run has to know the order that the CA is asked to validate.
        """
        self.failures = {**challenge_responses.find_conflicts(responses), **self.failures}
        for response in responses:
            if response.name in self.failures:
                continue
            try:
                missing = not response.in_place()
                if not self.check:
                    response.put()
                self.changed |= missing
            except CollectionError as error:
                self.failures[response.name] = str(error)

    def result(self) -> dict[str, Any]:
        """Return the result of the module."""
        return {
            "changed": self.changed,
            "diff": self.diff,
            "requests": [request.to_result() for request in self.requests],
            "receivers": self.receivers,
            "ready": self.ready,
            "failures": self.failures,
        }


def _difference(name: str, prepared: PreparedRequest) -> dict[str, str]:
    """Return how a certificate's pending version and its order change, as Ansible shows it."""
    after = [f"pending version of {name}"] if prepared.reused or prepared.changed else []
    if prepared.order and prepared.order.order_uri and prepared.changed:
        after.append(f"order {prepared.order.order_uri}")
    return {"before": after[0] + "\n" if prepared.reused else "", "after": "".join(line + "\n" for line in after)}
