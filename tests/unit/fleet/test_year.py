# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A year of a fleet, by a clock that is handed in: the plan is made as in every run, a CA in the test issues.

The CA counts its limits by itself, refuses what crosses them, and fails the test for it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.known_cas import SHORT_NAMES
from ansible_collections.certfleet.tls.plugins.module_utils._acme.renewal_info import RenewalInfo
from ansible_collections.certfleet.tls.plugins.module_utils._common.statuses import Action
from ansible_collections.certfleet.tls.plugins.module_utils._fleet import plan, rationing
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.lifetime import lifetime_point
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.rate_limits import SHIPPED
from ansible_collections.certfleet.tls.plugins.module_utils._fleet.routes import Cas
from tests.unit import contracts
from tests.unit.fleet.plans import routed

LETS_ENCRYPT = SHORT_NAMES["letsencrypt"]
SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
START = datetime(2027, 1, 1, tzinfo=timezone.utc)
LIVES = {"classic": 90 * DAY, "tlsserver": 45 * DAY, "shortlived": 160 * HOUR}
BACKDATED = HOUR


def utc(instant):
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Bucket:
    """A limit as a vessel that fills by itself."""

    size: int
    period: timedelta
    content: float = field(init=False)
    looked_at: datetime = START

    def __post_init__(self):
        self.content = float(self.size)

    def take(self, now):
        refilled = self.size * ((now - self.looked_at) / self.period)
        self.content, self.looked_at = min(self.size, self.content + refilled), now
        assert self.content >= 1 - 1e-6, f"a limit of {self.size} in {self.period} is crossed at {now}"
        self.content -= 1


@dataclass(frozen=True)
class Certificate:
    name: str
    identifiers: tuple
    serial: int
    issued: datetime
    life: timedelta

    @property
    def not_before(self):
        return self.issued - BACKDATED

    @property
    def not_after(self):
        return self.not_before + self.life

    def window(self):
        """Return the window as Boulder does: 2 % of the life, around two thirds of it, or half if it is short."""
        ideal = self.not_before + (self.life / 2 if self.life < 10 * DAY else self.life * 2 / 3)
        return ideal - self.life / 100, ideal + self.life / 100


class CA:
    """Let's Encrypt's limits and renewal information."""

    def __init__(self, renewals_exempt):
        self.renewals_exempt = renewals_exempt
        self.orders = Bucket(300, 3 * HOUR)
        self.domains = defaultdict(lambda: Bucket(50, 7 * DAY))
        self.sets = defaultdict(lambda: Bucket(5, 7 * DAY))
        self.seen = set()
        self.replaced = set()
        self.kinds = Counter()
        self.count = 0
        self.revoking_before = None

    def window(self, certificate, now):
        if self.revoking_before and certificate.issued < self.revoking_before:
            return self.revoking_before - 2 * HOUR, self.revoking_before - HOUR
        return certificate.window()

    def issue(self, now, identifiers, life, replaces):
        key = frozenset(identifiers)
        if replaces and self.window(replaces, now)[0] <= now < self.window(replaces, now)[1]:
            assert replaces.serial not in self.replaced, "renewed twice"
            self.kinds["in the window"] += 1
        else:
            self.kinds["same names" if key in self.seen else "new"] += 1
            if not (key in self.seen and self.renewals_exempt):
                self.orders.take(now)
                for domain in {name.split(".", 1)[1] for name in identifiers}:
                    self.domains[domain].take(now)
            self.sets[key].take(now)
        self.seen.add(key)
        if replaces:
            self.replaced.add(replaces.serial)
        self.count += 1
        return Certificate(identifiers[0], identifiers, self.count, now, life)


class Fleet:
    """Hosts of one certificate each, and what is left of a run when Ansible and the network are taken out."""

    def __init__(self, sizes, domains, interval=timedelta(0), renewals_exempt=True, silent=False):
        self.silent = silent  # its CA, of when to renew
        self.ca = CA(renewals_exempt)
        self.limits = {LETS_ENCRYPT: replace(SHIPPED[LETS_ENCRYPT], renewals_exempt=renewals_exempt)}
        self.interval = interval
        self.wanted = {}
        for profile, size in sizes.items():
            for number in range(size):
                name = f"{profile}{number}"
                self.wanted[name] = ((f"{name}.domain{len(self.wanted) % domains}.example",), LIVES[profile], profile)
        self.versions = {name: [] for name in self.wanted}
        self.facts = {name: self._facts(name) for name in self.wanted}
        self.latest = timedelta(0)  # the greatest part of a life that was lived
        self.wakes = dict.fromkeys(self.wanted, START)
        self.renewals = Counter()

    def _facts(self, name):
        """Return the facts that certificate_info would return."""
        identifiers, _life, profile = self.wanted[name]
        versions = self.versions[name][-3:]
        return contracts.found(
            {"identifiers": identifiers, "profile": profile, "reload": []},
            self._live(versions[-1], profile) if versions else None,
            host=name,
            issued=[
                contracts.issued(
                    at=utc(version.issued),
                    serial=f"{version.serial:x}",
                    directory=LETS_ENCRYPT,
                    identifiers=identifiers,
                    renewal=version is not self.versions[name][0],
                )
                for version in versions
                if versions[-1].issued - version.issued < 8 * DAY
            ],
        )

    def _live(self, certificate, profile):
        return {
            "identifiers": certificate.identifiers,
            "profile": profile,
            "directory": LETS_ENCRYPT,
            "not_before": utc(certificate.not_before),
            "not_after": utc(certificate.not_after),
            "ari_id": certificate.name + f"-{certificate.serial}",
        }

    def run(self, now, everything=False, selected=None):
        """Run the role.

        A certificate neither in its window nor past its lifetime point is kept anyway, and left out for speed, as
        is what waits for a limit.
        """
        awake = [name for name, instant in self.wakes.items() if everything or instant <= now]
        for name in awake:
            if self.versions[name]:
                live = self.versions[name][-1]
                self.latest = max(self.latest, (now - live.not_before) / live.life * DAY)
        if not awake:
            return Counter(), []
        found = [self.facts[name] for name in awake]
        # Inactive certificates need no orders, but their recent orders count.
        past = [
            self.facts[name]
            for name, versions in self.versions.items()
            if self.wakes[name] > now and versions and now - versions[-1].issued < 8 * DAY
        ]

        def ask(asked):
            if self.silent:
                return {}
            by_id = {entry.live.ari_id: entry.host for entry in found if entry.live}
            return {
                ari_id: RenewalInfo(*self.ca.window(self.versions[by_id[ari_id]][-1], now))
                for ari_ids in asked.values()
                for ari_id in ari_ids
            }

        settings = plan.Settings([LETS_ENCRYPT], now, is_selected=selected, interval=self.interval)
        planned = plan.decide_all(found, settings, ask)
        kept = [plan.Planned(entry.host, "shop", entry, plan.Decision(Action.KEEP)) for entry in past]
        planned = [*routed(planned, [LETS_ENCRYPT]), *kept]
        planned, warnings = rationing.keep_within(
            planned, self.limits, Cas([LETS_ENCRYPT]), now, lambda name: name.split(".", 1)[1]
        )
        for item in planned[: len(found)]:
            if item.decision.action == Action.ISSUE:
                self._issue(now, item)
            elif item.decision.can_wait:  # for a limit
                self.wakes[item.host] = item.decision.next_at
            elif item.decision.next_at:
                live = self.versions[item.host][-1]
                nothing_until = min(self.ca.window(live, now)[0], lifetime_point(live.not_before, live.not_after))
                self.wakes[item.host] = min(item.decision.next_at, nothing_until)
        return Counter(item.decision.action for item in planned[: len(found)]), warnings

    def _issue(self, now, item):
        identifiers, life, _profile = self.wanted[item.host]
        before = self.versions[item.host][-1] if self.versions[item.host] else None
        if before:
            assert item.replaces_ari_id == f"{before.name}-{before.serial}"
            self.renewals[item.host] += 1
        self.versions[item.host].append(self.ca.issue(now, identifiers, life, before))
        self.wakes[item.host] = now
        self.facts[item.host] = self._facts(item.host)

    def left(self, instant):
        """Return the number of certificates from before an instant."""
        return sum(versions[-1].issued < instant for versions in self.versions.values())

    def least(self, name, end, step):
        """Return the fewest renewals of a certificate: each in the last run of its window, or the first after it."""
        issued, count = self.versions[name][0].issued, 0
        while True:
            _start, over = Certificate("", (), 0, issued, self.wanted[name][1]).window()
            issued = START + -((START - over) // step) * step
            if issued >= end:
                return count
            count += 1


SIZES = {"classic": 80, "tlsserver": 60, "shortlived": 60}


@pytest.mark.parametrize(
    ("step", "interval"),
    [
        pytest.param(HOUR, timedelta(0), id="hourly", marks=pytest.mark.hard),
        pytest.param(HOUR, HOUR, id="hourly, and said so", marks=pytest.mark.hard),
        pytest.param(DAY, timedelta(0), id="daily"),
        pytest.param(DAY, DAY, id="daily, and said so"),
    ],
)
def test_year_all_certificates_are_renewed_in_time(step, interval):
    fleet = Fleet(SIZES, domains=3, interval=interval)
    end, now, number = START + 365 * DAY, START, 0
    while now < end:
        fleet.run(now, everything=number % 100 == 0)
        now, number = now + step, number + 1
    # Nobody is ever inside the last tenth of its life.
    assert fleet.latest < 0.9 * DAY
    # No certificate is renewed twice in a window: a new one is never sooner than the window of the one before it.
    for versions in fleet.versions.values():
        for before, after in zip(versions, versions[1:]):
            assert after.issued >= before.window()[0]
    least = sum(fleet.least(name, end, step) for name in fleet.wanted)
    made = fleet.renewals.total()
    assert least <= made <= 1.05 * least
    print(f"{made} renewals, at least {least}; at most {fleet.latest / DAY:.2f} of a life; {dict(fleet.ca.kinds)}")


def test_year_without_renewal_information_all_are_renewed_in_time():
    fleet = Fleet(SIZES, domains=3, silent=True)
    for day in range(365):
        fleet.run(START + day * DAY, everything=day % 100 == 0)
    assert fleet.latest < 0.9 * DAY
    assert fleet.ca.kinds["in the window"] < 0.2 * fleet.renewals.total()


def lived(days, **options):
    """Return a fleet that has been run each hour for so many days, from nothing."""
    fleet, now = Fleet(SIZES, domains=3, **options), START
    while now < START + days * DAY:
        fleet.run(now)
        now += HOUR
    assert fleet.left(START) == 0
    return fleet, now


def test_mass_revocation_with_exempt_renewals_takes_one_run():
    fleet, now = lived(20)
    fleet.ca.revoking_before = now
    actions, warnings = fleet.run(now, everything=True)
    assert (actions, warnings, fleet.left(now)) == ({Action.ISSUE: 200}, [], 0)
    assert fleet.ca.kinds["same names"] >= 200
    # Nothing else is issued: new certificates are not renewed once more.
    assert fleet.run(now + HOUR, everything=True) == ({Action.KEEP: 200}, [])


def test_mass_revocation_with_counted_renewals_follows_limits():
    fleet, now = lived(20, renewals_exempt=False)
    revoked = fleet.ca.revoking_before = now
    hours, deferred = 0, []
    while fleet.left(revoked):
        actions, warnings = fleet.run(now, everything=True)
        assert actions[Action.REFUSE] == 0  # nothing fails that can wait
        deferred.append(warnings)
        now, hours = now + HOUR, hours + 1
    # 50 of each domain are issued at once, and then one every 202 minutes, which is the limit.
    of_domain = max(Counter(identifiers[0].split(".", 1)[1] for identifiers, *_more in fleet.wanted.values()).values())
    assert 0 <= hours - (of_domain - 50) * (7 * DAY / 50 / HOUR) <= 6
    assert "certificates wait for the limit of 50 certificates of domain" in deferred[0][0]
    print(f"{hours} hours for {of_domain} certificates of a domain; {deferred[0][0]}")
