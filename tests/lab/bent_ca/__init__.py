# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CA that can be bent: a proxy in front of the lab's CA, with faults that are sentences (language.py lists them)."""

from .proxy import BentCa, bent_ca

__all__ = ["BentCa", "bent_ca"]
