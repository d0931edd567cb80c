# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A certificate that is not valid by this host's clock, and the controller's clock beside it. Pure."""

from __future__ import annotations

from datetime import datetime

from ..._common.times import CLOCK_TOLERANCE, span, utc
from ..._x509.errors import ValidityError


def explain(error: ValidityError, now: datetime, controller_time: datetime | None) -> str:
    """Return the message of *error*: that this host's clock is wrong, if the certificate is valid by the controller's.

    *now* and *controller_time*: the times by both clocks (aware UTC).
    """
    if controller_time is None or not error.not_before <= controller_time < error.not_after:
        return str(error)
    difference = now - controller_time
    if abs(difference) <= CLOCK_TOLERANCE:
        return str(error)
    place = "ahead of" if now > controller_time else "behind"
    return (
        f"{error.what} is valid from {utc(error.not_before)} until {utc(error.not_after)}, but this host's clock shows "
        f"{utc(now)}: it is {span(abs(difference))} {place} the controller's. Set the host's clock; the next run "
        "switches to the certificate"
    )
