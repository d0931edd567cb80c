# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors of all rooms: their messages are one line that a terminal can print."""

from __future__ import annotations

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._acme.errors import AcmeError
from ansible_collections.certfleet.tls.plugins.module_utils._common.errors import CollectionError
from ansible_collections.certfleet.tls.plugins.module_utils._dns import errors as dns_errors
from ansible_collections.certfleet.tls.plugins.module_utils._host import errors as host_errors
from ansible_collections.certfleet.tls.plugins.module_utils._status.revocation_status import StatusError
from ansible_collections.certfleet.tls.plugins.module_utils._x509 import errors as x509_errors

#: Terminal escapes, line breaks of all kinds, characters that change the direction of text, surrogates.
HOSTILE = "a\x1b[31mb\x1b]0;title\x07c\r\nd\x9b2Je\x85f\u2028g\u202eh\u2066i\u200fj\x00k\x7fl\ud800m\U000e0001n"


def kinds_of_errors():
    """Return all errors that are made of a text alone."""
    found = [CollectionError, AcmeError, StatusError]
    for module in (dns_errors, host_errors, x509_errors):
        found += [
            kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, CollectionError)
        ]
    return [kind for kind in dict.fromkeys(found) if kind is not x509_errors.ValidityError]  # which needs two dates


@pytest.mark.parametrize("kind", kinds_of_errors(), ids=lambda kind: kind.__name__)
def test_error_message_is_one_printable_line(kind):
    message = str(kind(HOSTILE))
    assert message.isprintable()
    assert message == "a [31mb ]0;title c d 2Je f g h i j k l m n"
