# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class LabError(Exception):
    """Something that a person can put right; the text is one line that says what."""
