# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All providers of dns-lexicon, 3.11 and later.

Its Client finds the zone by the public suffix list, which it fetches, or by the system's resolver. Here the zone is
known, so the providers are used without the Client, in the same way as the Client uses them.
"""

from __future__ import annotations

import argparse
import logging
import pkgutil
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, TypeVar

from ..._acme.ca_clock import retry_after
from ..._acme.retry import is_busy
from ..._common.contracts import TxtRecord
from ..._common.text import one_line, shortened
from ..._common.threads import call_for
from .. import provider_options
from ..errors import BusyError, DnsError, NotInstalledError, Unusable
from ..options import BOOL, STR, Option, parse_options
from ..pace import Limits
from ..records import is_within
from .base import Provider, secrets

try:
    import requests
except ImportError:
    pass  # require_libraries() reports this before anything here is called

Result = TypeVar("Result")

# From 3.15 on, and before.
_PACKAGES = ("lexicon._private.providers", "lexicon.providers")
# base is not a provider; auto guesses one by the name servers.
_NO_PROVIDERS = ("base", "auto")
_SECRET = re.compile(r"token|secret|pass|psw|key|2fa|service_account_info")
# In texts of libraries that do not pass on the status.
_BUSY = re.compile(
    r"too many requests|rate.?limit|throttl|rate exceeded|\b(http|status|code)\W{0,3}429\b", re.IGNORECASE
)
# Providers that write all values of a name, or all of a zone, to change one.
WRITING_SETS = frozenset(
    {
        *("azure", "constellix", "desec", "devnomads", "gandi", "gehirn", "godaddy", "googleclouddns", "joker"),
        *("localzone", "misaka", "namecheap", "nsone", "online", "powerdns", "rcodezero", "route53", "sakuracloud"),
        *("ultradns", "valuedomain", "yandexcloud"),
    }
)
# Providers whose names keep a limited number of TXT values.
MOST_VALUES = {"duckdns": 1, "flexibleengine": 1}
# Values that another program has overwritten are written again so often.
_REPAIRS = 2
_NOT_SECRET = re.compile(r"_file$|_is_global$")


class Lexicon(Provider):
    """A provider of dns-lexicon, by its name."""

    name = "lexicon"
    title = "Every provider of dns-lexicon, 3.11 and later"
    notes = "`name` and `options` are in the table above."
    libraries = ("dns-lexicon",)
    options = provider_options.LEXICON

    def __init__(self, options: Mapping[str, Any], limits: Limits) -> None:
        super().__init__(options, limits)
        provider_options.verify_lexicon(options)
        self._name: str = options["name"]
        self.writes_sets = self._name in WRITING_SETS
        self.most_values = MOST_VALUES.get(self._name)
        declared = declared_options(self._name)
        what = f"lexicon's provider {self._name}"
        self._options = {
            name: value
            for name, value in parse_options(declared, options["options"], what).items()
            if value is not None
        }
        self._secrets = secrets(declared, self._options)
        _require_available(self._name)

    def change(self, zone: str, records: Sequence[TxtRecord], present: bool) -> dict[TxtRecord, str]:
        provider = self.pace.call(lambda: self._call(lambda: self._sign_in(zone), "signing in"))

        def one(record: TxtRecord) -> None:
            self._call(lambda: self._change_one(provider, record, present), record.name)

        try:
            failures = self.one_by_one(records, one)
            if self.writes_sets:
                written = [record for record in records if record not in failures]
                lost = self._repair(written, present, lambda: self._list(provider, zone), one)
                if not present:
                    again = f"lexicon's {self._name} still lists the value, as where another run writes this name, too"
                    failures |= dict.fromkeys(lost, again)
            return failures
        finally:
            if hasattr(provider, "cleanup"):  # from 3.17 on
                with suppress(DnsError):  # the records are already changed
                    self._call(provider.cleanup, "signing out")

    def _repair(
        self,
        records: Sequence[TxtRecord],
        present: bool,
        find_values: Callable[[], set[tuple[str, str]]],
        change: Callable[[TxtRecord], None],
    ) -> list[TxtRecord]:
        """Write records again that another run has overwritten, as the provider lists them; return those still lost.

        A lost record that was added is no failure: it has been written, and the wait asks the name servers for it.
        """
        lost: list[TxtRecord] = []
        with suppress(DnsError):
            for repairs_left in range(_REPAIRS, -1, -1):
                listed = find_values()
                lost = [record for record in records if ((record.name, record.value) in listed) is not present]
                if not lost or not repairs_left:
                    break
                self.one_by_one(lost, change)
        return lost

    def _list(self, provider: Any, zone: str) -> set[tuple[str, str]]:
        """Return name and value of all TXT records of a zone, by one request at most providers. Raises DnsError."""

        def ask() -> list[dict[str, Any]]:
            return list(provider.list_records("TXT", None, None))

        found = self.pace.call(lambda: self._call(ask, "reading the records"))
        return {(_full_name(str(item["name"]), zone), str(item["content"]).strip('"')) for item in found}

    def _sign_in(self, zone: str) -> Any:
        config: dict[str, Any] = {"provider_name": self._name, "domain": zone, self._name: self._options}
        if self.values["ttl"] is not None:
            config["ttl"] = self.values["ttl"]
        resolver = import_module("lexicon.config").ConfigResolver()
        # Only this configuration: no LEXICON_ variables, and no lexicon.yml in the folder of the play.
        provider = _module(self._name).Provider(resolver.with_dict(config))
        provider.authenticate()
        return provider

    def _call(self, function: Callable[[], Result], what: str) -> Result:
        """Return the result of *function*. Raises DnsError for any error, and after a time limit; lexicon has none."""
        outcome = call_for(self.timeout, function)
        if not outcome.done():
            raise Unusable(f"lexicon's {self._name} does not answer within {self.timeout:g} s ({what})")
        try:
            return outcome.result()
        except BaseException as error:
            raise self._problem(error) from None

    def _change_one(self, provider: Any, record: TxtRecord, present: bool) -> None:
        """Change one record. If the provider reports a failure, find out whether there was anything to do."""
        try:
            if present:
                done = provider.create_record("TXT", record.name, record.value)
            else:
                done = provider.delete_record(None, "TXT", record.name, record.value)
        except Exception as error:
            # A busy API is asked nothing more.
            if self._is_busy(error, _answer_to(error)) or _is_there(provider, record) is not present:
                raise
            return
        if done is False and _is_there(provider, record) is not present:
            raise DnsError(f"lexicon's {provider.provider_name} failed without a reason")

    def _is_busy(self, error: BaseException, answer: requests.Response | None) -> bool:
        """Return True if the API refuses the request for now. Without an *answer* the text of the error says so."""
        if answer is None:
            return bool(_BUSY.search(str(error)))
        return is_busy(answer.status_code, retry_after(answer.headers, self.clock.now()))

    def _problem(self, error: BaseException) -> DnsError:
        """Return an error for what lexicon, or a library that it uses, raised."""
        name = f"lexicon's {self._name}"
        text = self.scrub(error) or type(error).__name__
        classes = [parent.__name__ for parent in type(error).__mro__]
        if isinstance(error, DnsError):
            return error
        answer = _answer_to(error)
        if self._is_busy(error, answer):
            if answer is None:
                return BusyError(f"{name}: {text}")
            return BusyError(self._said(name, answer), retry_after(answer.headers, self.clock.now()))
        if answer is not None and isinstance(error, requests.exceptions.HTTPError):
            return self._refusal(name, answer)
        if isinstance(error, requests.exceptions.Timeout):
            return Unusable(f"{name} does not answer in time")
        if isinstance(error, requests.exceptions.ConnectionError):
            return Unusable(f"{name} cannot be reached: {text}")
        if "AuthenticationError" in classes:
            return Unusable(f"{name} refuses: {text}; check the credentials, and whether they are for this zone")
        return DnsError(f"{name}: {text}")

    def _said(self, name: str, response: requests.Response) -> str:
        # Not the text of the error, which has the URL with all its parameters.
        said = f"{name}: the API answers HTTP {response.status_code}"
        body = shortened(self.scrub(response.text), 200)
        if body and not body.startswith("<"):
            said += f" ({body})"
        return said

    def _refusal(self, name: str, response: requests.Response) -> DnsError:
        said = self._said(name, response)
        if response.status_code in (401, 403):
            return Unusable(f"{said}: check the credentials, and whether they are for this zone")
        if response.status_code >= 500:
            return DnsError(f"{said}: the provider has a problem, try again later")
        return DnsError(said)


def providers() -> list[str]:
    """Return the names of the providers of the installed dns-lexicon."""
    package = _package()
    return sorted(found.name for found in pkgutil.iter_modules(package.__path__) if found.name not in _NO_PROVIDERS)


def declared_options(name: str) -> tuple[Option, ...]:
    """Return the options of a provider of lexicon. Raises DnsError if there is no such provider."""
    if name not in providers():
        raise DnsError(f"lexicon has no provider {one_line(name, 40)!r}; known are {', '.join(providers())}")
    module = _module(name)
    parser = argparse.ArgumentParser(add_help=False)
    # Before 3.15 it was a function beside the class.
    configure = getattr(module.Provider, "configure_parser", None) or module.provider_parser
    configure(parser)
    return tuple(_option(action) for action in parser._actions)


def _option(action: argparse.Action) -> Option:
    secret = bool(_SECRET.search(action.dest)) and not _NOT_SECRET.search(action.dest)
    value_type = BOOL if action.nargs == 0 else STR
    return Option(
        action.dest,
        " ".join((action.help or "").split()),
        required=action.required,
        secret=secret and value_type == STR,
        default=action.default,
        type=value_type,
        choices=tuple(action.choices or ()),
    )


def _answer_to(error: BaseException) -> requests.Response | None:
    """Return the API's answer from an error of requests, also if a provider has raised an error of its own after it."""
    found: BaseException | None = error
    for _level in range(10):
        if found is None:
            break
        response = getattr(found, "response", None)
        if isinstance(response, requests.Response):
            return response
        found = found.__cause__ or found.__context__
    return None


def _full_name(name: str, zone: str) -> str:
    """Return a name of the *zone*, as a provider lists it, in the form of a record's name."""
    lower = name.lower().rstrip(".")
    if lower in ("", "@"):
        return zone
    return lower if is_within(lower, zone) else f"{lower}.{zone}"


def _is_there(provider: Any, record: TxtRecord) -> bool | None:
    """Return True if the provider lists the record, False if not, None if it cannot list records."""
    try:
        found = provider.list_records("TXT", record.name, None)
        return any(str(item["content"]).strip('"') == record.value for item in found)
    except Exception:
        return None


@cache
def _package() -> ModuleType:
    # Its debug messages contain whole requests.
    logging.getLogger("lexicon").setLevel(logging.CRITICAL + 1)
    _use_packaged_suffixes()
    for name in _PACKAGES:
        try:
            return import_module(name)
        except ModuleNotFoundError:
            continue
    raise NotInstalledError("dns-lexicon is not installed, or older than 3.11")


def _module(name: str) -> Any:
    return import_module(f"{_package().__name__}.{name}")


def _require_available(name: str) -> None:
    """Raise NotInstalledError if the provider needs libraries that are not installed with dns-lexicon."""
    finder = "lexicon._private.discovery" if _package().__name__ == _PACKAGES[0] else "lexicon.discovery"
    if not import_module(finder).find_providers().get(name):
        raise NotInstalledError(
            f"lexicon's provider {name} needs more libraries: "
            f"install with '{sys.executable} -m pip install dns-lexicon[{name}]', or add them to the execution "
            "environment"
        )


def _use_packaged_suffixes() -> None:
    """Make providers use the list of public suffixes in the package tldextract, instead of fetching one."""
    try:
        import tldextract.tldextract

        tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=())
    except (ImportError, TypeError):
        pass  # not installed, or a much older release
