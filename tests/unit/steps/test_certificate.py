# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last step on a host: its options follow from the run."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from ansible_collections.certfleet.tls.plugins.module_utils._common.times import parse_utc
from ansible_collections.certfleet.tls.plugins.plugin_utils._steps.run import Run
from tests.unit.steps import steps


@pytest.mark.parametrize("ahead", [0, 7200, -7200])
def test_arguments_have_the_time_that_the_plan_was_made_by(ahead):
    action = steps.action_of("certificate")
    registered = {"web1": {"_acme_found": steps.first_step(), "_acme_plan": steps.plan(controller_ahead=ahead)}}
    run = Run(action._task, action._templar, steps.task_vars("web1", registered))
    given = action.arguments_of(run, {})
    now = datetime.now(timezone.utc) - timedelta(seconds=ahead)
    assert abs(parse_utc(given["controller_time"]) - now) < timedelta(minutes=1)
    assert "controller_time" not in action.arguments_of(run, {"after_handlers": []})
