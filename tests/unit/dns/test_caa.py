# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""CAA: which CA the records of a name allow (RFC 8659), with which account and challenge type (RFC 8657)."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._dns.caa import Caa, PlannedIssuance, find_refusal, refusal
from ansible_collections.certfleet.tls.plugins.module_utils._dns.errors import DnsError

CA = ("ca.example", "ca.example.org")
ACCOUNT = "https://ca.example/account/1"
OTHER = "https://ca.example/account/2"


def issue(value, flags=0):
    return Caa(flags, "issue", value)


def wild(value):
    return Caa(0, "issuewild", value)


def refused(*records, wildcard=False, identities=CA, account=ACCOUNT, method="http-01"):
    return refusal(records, PlannedIssuance(wildcard, identities, account, method))


@pytest.mark.parametrize(
    "records",
    [
        (),
        (issue("ca.example"),),
        (issue("CA.Example"),),
        (issue("ca.example.org"),),
        (issue(" \tca.example\t "),),
        (issue("ca.example;"),),
        (issue("ca.example ; "),),
        (issue("ca.example; policy=ev"),),
        (issue("ca.example; a = b ; c=d"),),
        (issue("ca.example; a="),),
        (issue("other.example"), issue("ca.example")),
        (issue(";"), issue("ca.example")),
        (Caa(0, "ISSUE", "ca.example"),),
        # Nothing restricts who may issue.
        (Caa(0, "iodef", "mailto:a@example.com"),),
        (wild(";"),),
        (Caa(0, "tbs", "Unknown"),),
        (Caa(0, "issuemail", ";"),),
        # Critical, and known.
        (issue("ca.example", 128),),
        (Caa(128, "iodef", "mailto:a@example.com"), issue("ca.example")),
        # Bits without a meaning are passed over.
        (Caa(1, "tbs", "Unknown"),),
        (issue("ca.example", 127),),
        # The account, and the way.
        (issue(f"ca.example; accounturi={ACCOUNT}"),),
        (issue(f"ca.example; AccountURI={ACCOUNT}"),),
        (issue(f"ca.example; accounturi={OTHER}"), issue(f"ca.example; accounturi={ACCOUNT}")),
        (issue("ca.example; validationmethods=http-01"),),
        (issue("ca.example; validationmethods=dns-01,http-01"),),
        (issue(f"ca.example; validationmethods=http-01; accounturi={ACCOUNT}"),),
        (issue(f"other.example; accounturi={OTHER}"), issue("ca.example")),
    ],
)
def test_refusal_allowed_is_empty(records):
    assert refused(*records) == ""


NOBODY = "forbids certificates by any CA"
GOES_BY = "this CA is ca.example, ca.example.org"
NOT_THIS_ACCOUNT = f"allows only the account {OTHER}; this one is {ACCOUNT}"


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ((issue(";"),), NOBODY),
        ((issue(""),), NOBODY),
        ((issue("  "),), NOBODY),
        ((issue("; a=b"),), NOBODY),
        # Malformed counts as empty.
        ((issue("%%%%%"),), NOBODY),
        ((issue("ca.example extra"),), NOBODY),
        ((issue("ca..example"),), NOBODY),
        ((issue("ca.example."),), NOBODY),
        ((issue("-ca.example"),), NOBODY),
        ((issue("ca_.example"),), NOBODY),
        ((issue("ca.example; a"),), NOBODY),
        ((issue("ca.example; a=b;"),), NOBODY),
        ((issue("ca.example; a=b c=d"),), NOBODY),
        ((issue("ca.example; =b"),), NOBODY),
        ((issue("other.example"),), f"allows certificates only by other.example; {GOES_BY}"),
        ((issue("sub.ca.example"),), f"allows certificates only by sub.ca.example; {GOES_BY}"),
        (
            (issue("one.example"), issue(";"), issue("two.example"), issue("one.example")),
            f"allows certificates only by one.example, two.example; {GOES_BY}",
        ),
        (
            (Caa(128, "tbs", "Unknown"), issue("ca.example")),
            "has the critical property 'tbs', which a CA must know to issue",
        ),
        ((Caa(255, "tbs", ""),), "has the critical property 'tbs', which a CA must know to issue"),
        ((issue(f"ca.example; accounturi={OTHER}"),), NOT_THIS_ACCOUNT),
        ((issue(f"ca.example; accounturi={OTHER}"), issue("other.example")), NOT_THIS_ACCOUNT),
        ((issue("ca.example; accounturi="),), f"allows only the account (empty); this one is {ACCOUNT}"),
        (
            (issue(f"ca.example; accounturi={ACCOUNT}/"),),
            f"allows only the account {ACCOUNT}/; this one is {ACCOUNT}",
        ),
        (
            (issue(f"ca.example; accounturi={ACCOUNT}; accounturi={ACCOUNT}"),),
            "has more than one accounturi, so no account matches",
        ),
        ((issue("ca.example; validationmethods=dns-01"),), "allows only dns-01 validation, not http-01"),
        ((issue("ca.example; validationmethods=x-http-01"),), "allows only x-http-01 validation, not http-01"),
        ((issue("ca.example; validationmethods="),), "allows only no validation, not http-01"),
        (
            (issue("ca.example; validationmethods=http-01,"),),
            "has invalid validationmethods: only one list is allowed, with commas and without blanks",
        ),
        (
            (issue("ca.example; validationmethods=http-01; validationmethods=http-01"),),
            "has invalid validationmethods: only one list is allowed, with commas and without blanks",
        ),
        (
            (issue(f"ca.example; accounturi={OTHER}"), issue("ca.example; validationmethods=dns-01")),
            f"{NOT_THIS_ACCOUNT}; allows only dns-01 validation, not http-01",
        ),
    ],
)
def test_refusal_forbidden_has_reason(records, reason):
    assert refused(*records) == reason


@pytest.mark.parametrize(
    ("records", "reason"),
    [
        ((issue("ca.example"),), ""),
        ((issue("ca.example"), wild("ca.example")), ""),
        ((issue(";"), wild("ca.example")), ""),
        ((wild("ca.example"),), ""),
        ((Caa(0, "iodef", "mailto:a@example.com"),), ""),
        ((issue("ca.example"), wild(";")), "forbids wildcard certificates by any CA"),
        (
            (issue("ca.example"), wild("other.example")),
            f"allows wildcard certificates only by other.example; {GOES_BY}",
        ),
        ((issue("other.example"),), f"allows certificates only by other.example; {GOES_BY}"),
        (
            (issue("ca.example"), wild("ca.example; validationmethods=dns-01")),
            "allows only dns-01 validation, not http-01",
        ),
    ],
)
def test_refusal_of_wildcard(records, reason):
    assert refused(*records, wildcard=True) == reason


@pytest.mark.parametrize(
    ("record", "unknown", "reason"),
    [
        (issue("other.example"), {"identities": []}, ""),
        (issue(";"), {"identities": []}, NOBODY),
        (issue("ca.example"), {"identities": ["CA.example."]}, ""),
        (issue(f"ca.example; accounturi={OTHER}"), {"account": ""}, ""),
        (
            issue(f"ca.example; accounturi={OTHER}; accounturi={OTHER}"),
            {"account": ""},
            "has more than one accounturi, so no account matches",
        ),
        (issue("ca.example; validationmethods=dns-01"), {"method": ""}, ""),
    ],
)
def test_refusal_with_unknown_account_or_challenge(record, unknown, reason):
    assert refused(record, **unknown) == reason


def checked(resolver, identifier, wildcard=False):
    return find_refusal(resolver, identifier, PlannedIssuance(wildcard, CA, ACCOUNT, "dns-01"))


@pytest.mark.parametrize(
    ("identifier", "of"),
    [
        ("example.com", "example.com"),
        ("a.example.com", "example.com"),
        ("b.a.example.com", "example.com"),
        ("own.example.com", ""),
        ("b.own.example.com", ""),
        ("alias.example.com", "example.net"),
        ("b.alias.example.com", "example.net"),
        ("dangling.example.com", "example.com"),
    ],
)
def test_check_first_records_up_the_tree_count(internet, resolver, identifier, of):
    internet["example.com"].add("example.com", "CAA", '0 issue "of.example.com"')
    internet["example.com"].add("own.example.com", "CAA", '0 issue "ca.example"')
    internet["example.com"].add("alias.example.com", "CNAME", "www.example.net.")
    internet["example.com"].add("dangling.example.com", "CNAME", "none.example.net.")
    internet["example.net"].add("www.example.net", "CAA", '0 issue "of.example.net"')
    internet["com"].add("com", "CAA", '0 issue "of.com"')
    reason = checked(resolver, identifier)
    if of:
        assert f"allows certificates only by of.{of};" in reason
        assert reason.startswith("CAA of ")
    else:
        assert reason == ""


def test_check_records_of_top_level_domain_count(internet, resolver):
    internet["com"].add("com", "CAA", '0 issue ";"')
    assert checked(resolver, "www.example.com") == "CAA of com forbids certificates by any CA"


def test_check_wildcard_begins_at_its_parent(internet, recursor, resolver):
    internet["example.com"].add("a.example.com", "CAA", '0 issue "ca.example"', '0 issuewild ";"')
    assert checked(resolver, "a.example.com") == ""
    assert (
        checked(resolver, "a.example.com", wildcard=True)
        == "CAA of a.example.com forbids wildcard certificates by any CA"
    )
    assert set(recursor.count()) == {"a.example.com"}


def test_check_look_up_of_common_parent_is_shared(recursor, resolver):
    for n in range(20):
        assert checked(resolver, f"w{n}.example.com") == ""
    assert recursor.asked() == 22


@pytest.mark.parametrize("identifier", ["192.0.2.1", "2001:db8::1", "abc.onion", "www.abc.onion"])
def test_check_address_is_not_looked_up(recursor, resolver, identifier):
    assert checked(resolver, identifier) == ""
    assert recursor.asked() == 0


def test_check_failed_look_up_raises(recursor, resolver):
    recursor.failing_names["example.com"] = "SERVFAIL"
    with pytest.raises(DnsError, match=r"^example\.com CAA: resolver .* answers SERVFAIL$"):
        checked(resolver, "www.example.com")
