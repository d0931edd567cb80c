# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class LabError(Exception):
    """A fault that a person can correct; the text is one line about it."""
