# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The base of the action plugins of all modules that run on hosts: only what a contract names is let through.

Ansible itself acts on keys in a module's answer: facts become variables of the host, and of all hosts of the play where
the task has run_once; other keys add hosts and groups or notify handlers. Root on one host must not be able to use any
of them, and must have influence on nothing but that host's own certificates.
"""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Collection, Mapping
from contextlib import nullcontext
from typing import Any, ClassVar

from ansible.errors import AnsibleError

from ansible_collections.certfleet.tls.plugins.module_utils._ansible.host_options import CHALLENGE_SPEC, RESULT_SPEC
from ansible_collections.certfleet.tls.plugins.module_utils._common import schema
from ansible_collections.certfleet.tls.plugins.module_utils._common.contracts import (
    CertificateOrder,
    ChallengeData,
    plain,
)

from .._play.support import QUESTION, host_problem, may_be_old_python
from . import failures
from .answers import Contract
from .run import Run
from .step import StepAction

try:
    # From ansible-core 2.19 on it shows the host's own warnings whatever the result has: they are captured here.
    from ansible._internal._display_utils import DeferredWarningContext
except ImportError:

    def DeferredWarningContext(variables: Mapping[str, Any]) -> Any:  # noqa: N802 - in its place
        """Capture nothing: this core shows what the result has."""
        return nullcontext()


# C0 without tab and line feed, C1, surrogates, and what changes the direction or the lines of a text.
_CONTROL = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\ud800-\\udfff\\u200b-\\u200f\\u2028-\\u202e\\u2066-\\u2069]")
_FLAGS = ("changed", "failed", "skipped", "unreachable")
_interpreter = schema.text(r"/.+")  # the host has printed it
_SHORT = 500  # characters of what a program printed that did not get to its answer


class HostAction(StepAction):
    """Run the module of the same name on the host, and let through what *contract* names of its answer."""

    contract: Contract
    unused: ClassVar[Mapping[str, Collection[str]]] = {
        "challenges": {field.name for field in dataclasses.fields(ChallengeData)}.difference(CHALLENGE_SPEC),
        "results": {field.name for field in dataclasses.fields(CertificateOrder)}.difference(RESULT_SPEC),
    }
    #: A host that cannot be reached in this step of the role may fail in the end of the run only (acme_fail).
    may_be_noted = False

    def is_noted(self, run: Run) -> bool:
        """Return True if the step allows it, and the host has acme_fail: warn."""
        return self.may_be_noted and failures.are_noted(run.first(run.host).get("options", {}))

    def work(self, arguments: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer, or a failure of this host alone. *arguments*: may have results of other modules."""
        arguments = self.narrowed(arguments)
        host = self._task.delegate_to or task_vars["inventory_hostname"]
        module = self._task.action.rpartition(".")[2]
        try:
            answer = self._answer(arguments, task_vars)
            if may_be_old_python(answer) and (problem := self._problem_of_python(host)):
                return {"failed": True, "msg": problem}
            accepted = accept(answer, type(self).contract(arguments), f"{module} on {host}")
            if self._discovered_interpreter_key:
                # Only if Ansible searched for it: then Ansible has put it into the answer.
                found = _interpreter(self._discovered_interpreter, "the path of its Python")
                accepted["ansible_facts"] = {self._discovered_interpreter_key: found}
            result: dict[str, Any] = plain(self.complete(accepted))
            return result
        except schema.Malformed as error:
            return {"failed": True, "msg": f"host {host} returned malformed data for {module}: {error}"}

    def complete(self, accepted: dict[str, Any]) -> dict[str, Any]:
        """Return the *accepted* answer, in which shapes are objects, with what the controller knows better."""
        return accepted

    def _answer(self, arguments: dict[str, Any], task_vars: Mapping[str, Any]) -> Any:
        try:
            with DeferredWarningContext(variables={}) as found:
                answer = self._execute_module(module_args=arguments, task_vars=task_vars)
            return _with_warnings(answer, found)
        except AnsibleError:
            raise  # the controller's own, as where the host cannot be reached
        except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            # Ansible cannot read every JSON. The text of the error may be the host's.
            raise schema.Malformed(f"the answer cannot be read ({type(error).__name__})") from None

    def _problem_of_python(self, host: str) -> str:
        """Return one line if the module gave no answer because of the host's Python, else an empty text.

        The host is asked only after such a failure: a version in each answer would not help, as a Python that cannot
        read the code gives no answer.
        """
        interpreter = shlex.split(str(self._used_interpreter or "").lstrip("#! "))
        if not interpreter:
            return ""
        try:
            result = self._low_level_execute_command(shlex.join([*interpreter, "-c", QUESTION]))
        except AnsibleError:
            return ""  # the module's own failure says more
        printed = result.get("stdout")
        return host_problem(
            host,
            schema.message(" ".join(interpreter), "the path of its Python"),
            result.get("rc", 1),
            printed if isinstance(printed, str) else "",
        )

    def _parse_returned_data(self, res: Mapping[str, Any], *more: Any) -> Any:
        # Ansible warns of what a host prints beside its answer. In JSON itself, control characters are escaped.
        cleaned = {name: _without_control(res[name]) for name in ("stdout", "stderr") if isinstance(res.get(name), str)}
        return super()._parse_returned_data({**res, **cleaned}, *more)


def _with_warnings(answer: Any, found: Any) -> Any:
    """Return the answer with the warnings that ansible-core captured while it read it, the host's among them."""
    if found is None or not isinstance(answer, dict):
        return answer
    captured = {"warnings": found.get_warnings(), "deprecations": found.get_deprecation_warnings()}
    return {**answer, **{name: list(notices) for name, notices in captured.items() if notices}}


def _without_control(text: str) -> str:
    return _CONTROL.sub("?", text.replace("\r\n", "\n"))


def accept(answer: Any, fields: Mapping[str, schema.Reader], what: str) -> dict[str, Any]:
    """Return of a module's *answer* its *fields*, and what Ansible itself knows of every answer. Raises Malformed.

    *what* names module and host, for an answer that is none. A module that failed may leave its fields out.
    """
    if not isinstance(answer, dict):
        raise schema.Malformed("the answer is not a mapping")
    accepted: dict[str, Any] = {name: schema.flag(answer[name], name) for name in _FLAGS if name in answer}
    did_work = not (accepted.get("failed") or accepted.get("unreachable") or accepted.get("skipped"))
    accepted.update(schema.record(fields, optional=() if did_work else fields)(answer, ""))
    if not did_work:
        accepted["msg"] = _reason(answer, what)
    if "diff" in answer:
        accepted["diff"] = _diff(answer["diff"])
    for name, read in (("warnings", _warning), ("deprecations", _deprecation)):
        if answer.get(name):
            accepted[name] = schema.listing(read, 100)(answer[name], name)
    if accepted.get("failed") and isinstance(answer.get("exception"), str):
        accepted["exception"] = schema.printable(answer["exception"], "exception")
    return accepted


def _reason(answer: Mapping[str, Any], what: str) -> str:
    """Return why a module failed: its message, else its exception, else the last line that it printed."""
    reason = schema.message(answer.get("msg") or _error(answer.get("exception")), "msg")
    printed = [answer.get(name) for name in ("module_stderr", "module_stdout")]
    last = [text.strip().splitlines()[-1] for text in printed if isinstance(text, str) and text.strip()]
    if not last:
        return reason or f"{what} failed without a reason"
    return f"{what} gave no answer: {schema.message(last[0][:_SHORT], 'msg')} ({reason})"


def _error(exception: Any) -> Any:
    """Return an exception's text. From ansible-core 2.19 on it comes as an object, and may be all that a result has."""
    event = getattr(exception, "event", None)
    return "" if event is None else event.msg


def _warning(warning: Any, place: str) -> str:
    """Return a warning as a text. From ansible-core 2.19 on it may be an object, whose event has the text."""
    event = getattr(warning, "event", None)
    return schema.message(warning if event is None else event.msg, place)


def _deprecation(notice: Any, place: str) -> dict[str, Any]:
    return {"msg": _warning(notice.get("msg") if isinstance(notice, dict) else notice, place), "version": None}


_DIFFERENCE = {
    **dict.fromkeys(("before_header", "after_header"), schema.message),
    **dict.fromkeys(("before", "after"), schema.printable),
}
_difference = schema.record(_DIFFERENCE, optional=_DIFFERENCE)


def _diff(value: Any) -> Any:
    return schema.listing(_difference)(value, "diff") if isinstance(value, list) else _difference(value, "diff")
