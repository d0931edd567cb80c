# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All providers that dns-lexicon has, 3.11 and later.

Its Client finds the zone by the public suffix list, which it fetches, or by the system's resolver. The zone is known
here, so the providers are used as the Client does it, without the Client.
"""

from __future__ import annotations

import argparse
import logging
import pkgutil
import re
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, TypeVar

from ..._common.contracts import TxtRecord
from ..._common.text import one_line
from .. import kinds
from ..errors import DnsError, NotInstalledError
from ..options import BOOL, STR, Option, check
from .base import Provider, Unusable, secrets

try:
    import requests
except ImportError:
    pass  # said by check_libraries(), before anything here is called

Result = TypeVar("Result")

# From 3.15 on, and before.
_PACKAGES = ("lexicon._private.providers", "lexicon.providers")
# base is none, auto guesses by name servers which one to use.
_NO_PROVIDERS = ("base", "auto")
_SECRET = re.compile(r"token|secret|pass|psw|key|2fa|service_account_info")
_NOT_SECRET = re.compile(r"_file$|_is_global$")


class Lexicon(Provider):
    """One of dns-lexicon's providers, by its name."""

    name = "lexicon"
    title = "Every provider of dns-lexicon, 3.11 and later"
    notes = "`name` and `options` are those in the table above."
    libraries = ("dns-lexicon",)
    options = kinds.LEXICON

    def __init__(self, options: Mapping[str, Any], timeout: float) -> None:
        super().__init__(options, timeout)
        kinds.check_lexicon(options)
        self._name: str = options["name"]
        declared = provider_options(self._name)
        what = f"lexicon's provider {self._name}"
        self._options = {
            name: value for name, value in check(declared, options["options"], what).items() if value is not None
        }
        self._secrets = secrets(declared, self._options)
        _check_available(self._name)

    def change(self, zone: str, records: Sequence[TxtRecord], present: bool) -> dict[TxtRecord, str]:
        provider = self._call(lambda: self._sign_in(zone), "signing in")

        def one(record: TxtRecord) -> None:
            self._call(lambda: _change(provider, record, present), record.name)

        try:
            return self.one_by_one(records, one)
        finally:
            if hasattr(provider, "cleanup"):  # from 3.17 on
                try:
                    self._call(provider.cleanup, "signing out")
                except DnsError:
                    pass  # the records are as they should be

    def _sign_in(self, zone: str) -> Any:
        config: dict[str, Any] = {"provider_name": self._name, "domain": zone, self._name: self._options}
        if self.values["ttl"] is not None:
            config["ttl"] = self.values["ttl"]
        resolver = import_module("lexicon.config").ConfigResolver()
        # Nothing but this: no LEXICON_ variables, no lexicon.yml of the folder that the play runs in.
        provider = _module(self._name).Provider(resolver.with_dict(config))
        provider.authenticate()
        return provider

    def _call(self, function: Callable[[], Result], what: str) -> Result:
        """*function*'s result. Raises DnsError for all it raises, and after the time limit, which lexicon lacks."""
        outcome: dict[str, Any] = {}

        def run() -> None:
            try:
                outcome["result"] = function()
            # SystemExit and the like too: some providers bring large libraries along.
            except BaseException as error:
                outcome["error"] = error

        thread = threading.Thread(target=run, name=f"lexicon {self._name}", daemon=True)
        thread.start()
        thread.join(self.timeout)
        if thread.is_alive():
            raise Unusable(f"lexicon's {self._name} does not answer within {self.timeout:g} s ({what})")
        if "error" in outcome:
            raise self._problem(outcome["error"]) from None
        result: Result = outcome["result"]
        return result

    def _problem(self, error: BaseException) -> DnsError:
        """One line for what lexicon, or a library under it, raised."""
        name = f"lexicon's {self._name}"
        text = self.scrub(error) or type(error).__name__
        kinds = [kind.__name__ for kind in type(error).__mro__]
        if isinstance(error, DnsError):
            return error
        if isinstance(error, requests.exceptions.HTTPError) and error.response is not None:
            return self._answer(name, error.response)
        if isinstance(error, requests.exceptions.Timeout):
            return Unusable(f"{name} does not answer in time")
        if isinstance(error, requests.exceptions.ConnectionError):
            return Unusable(f"{name} cannot be reached: {text}")
        if "AuthenticationError" in kinds:
            return Unusable(f"{name} refuses: {text}; are the credentials right, and do they reach this zone?")
        return DnsError(f"{name}: {text}")

    def _answer(self, name: str, response: requests.Response) -> DnsError:
        # Not the error's own text, which has the URL with all its parameters.
        said = f"{name}: the API answers HTTP {response.status_code}"
        body = self.scrub(one_line(response.text, 200))
        if body and not body.startswith("<"):
            said += f" ({body})"
        if response.status_code in (401, 403):
            return Unusable(f"{said}: are the credentials right, and do they reach this zone?")
        if response.status_code == 429:
            return Unusable(f"{said}: too many requests, try again later")
        if response.status_code >= 500:
            return DnsError(f"{said}: trouble of the provider's own, try again later")
        return DnsError(said)


def providers() -> list[str]:
    """The names of the providers that the installed dns-lexicon has."""
    package = _package()
    return sorted(found.name for found in pkgutil.iter_modules(package.__path__) if found.name not in _NO_PROVIDERS)


def provider_options(name: str) -> tuple[Option, ...]:
    """What lexicon's provider takes. Raises DnsError where there is none of this name, or it cannot be used."""
    if name not in providers():
        raise DnsError(f"lexicon has no provider {one_line(name, 40)!r}; it has {', '.join(providers())}")
    module = _module(name)
    parser = argparse.ArgumentParser(add_help=False)
    # Before 3.15 it was a function beside the class.
    configure = getattr(module.Provider, "configure_parser", None) or module.provider_parser
    configure(parser)
    return tuple(_option(action) for action in parser._actions)


def _option(action: argparse.Action) -> Option:
    secret = bool(_SECRET.search(action.dest)) and not _NOT_SECRET.search(action.dest)
    kind = BOOL if action.nargs == 0 else STR
    return Option(
        action.dest,
        " ".join((action.help or "").split()),
        required=action.required,
        secret=secret and kind == STR,
        default=action.default,
        kind=kind,
        choices=tuple(action.choices or ()),
    )


def _change(provider: Any, record: TxtRecord, present: bool) -> None:
    """One record; where the provider says no, it is looked whether there was something to do at all."""
    try:
        if present:
            done = provider.create_record("TXT", record.name, record.value)
        else:
            done = provider.delete_record(None, "TXT", record.name, record.value)
    except Exception:
        if _is_there(provider, record) is not present:
            raise
        return
    if done is False and _is_there(provider, record) is not present:
        raise DnsError(f"lexicon's {provider.provider_name} did not do it, and does not say why")


def _is_there(provider: Any, record: TxtRecord) -> bool | None:
    """Whether the provider lists the record; None if it cannot be told."""
    try:
        found = provider.list_records("TXT", record.name, None)
        return any(str(item["content"]).strip('"') == record.value for item in found)
    except Exception:
        return None


@cache
def _package() -> ModuleType:
    # Its debug messages have whole requests in them.
    logging.getLogger("lexicon").setLevel(logging.CRITICAL + 1)
    _keep_from_fetching()
    for name in _PACKAGES:
        try:
            return import_module(name)
        except ModuleNotFoundError:
            continue
    raise NotInstalledError("dns-lexicon is not installed, or older than 3.11")


def _module(name: str) -> Any:
    return import_module(f"{_package().__name__}.{name}")


def _check_available(name: str) -> None:
    """Raise NotInstalledError where the provider needs libraries that dns-lexicon does not bring along."""
    finder = "lexicon._private.discovery" if _package().__name__ == _PACKAGES[0] else "lexicon.discovery"
    if not import_module(finder).find_providers().get(name):
        raise NotInstalledError(
            f"lexicon's provider {name} needs more libraries: "
            f"install with '{sys.executable} -m pip install dns-lexicon[{name}]', or add to the execution environment"
        )


def _keep_from_fetching() -> None:
    """Have the list of public suffixes that comes with tldextract used by the providers that split names by it."""
    try:
        import tldextract.tldextract

        tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=())
    except (ImportError, TypeError):
        pass  # a much older one
