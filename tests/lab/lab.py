# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab: bring it up, use it, take it down."""

from __future__ import annotations

import fcntl
import ipaddress
import json
import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from . import controller, keys, layer, web
from .authorities import Authorities
from .dns import Dns
from .errors import LabError
from .namespaces import CLEAN_ENV, SBIN, UMASK, in_network, nsenter, start, unshare, usual_umask
from .options import Options
from .pebble import Pebble
from .process import Process, processes, wait

HERE = Path(__file__).parent
# Each lab's own: nothing leads out of them, so all may have the same.
NETWORK = ipaddress.ip_network("10.53.0.0/16")
NETWORK6 = ipaddress.ip_network("fd53::/64")
PROGRAMS = (
    *("ip", "nsenter", "pivot_root", "setsid", "unshare"),
    *("named", "nginx", "openssl", "ssh-keygen", "sshd", "sudo"),
)
PROXY = re.compile("_proxy$", re.IGNORECASE)
# In the state directory; log/ stays when the lab goes.
OURS = (
    "ansible",
    "ansible.cfg",
    "authorities",
    "bent",
    "bent.pid",
    "hosts",
    "init.pid",
    "inventory.ini",
    "lab.json",
    "lab.json.new",
    "layers",
    "named",
    "named.pid",
    "ns1.pid",
    "ns2.pid",
    "office.pid",
    "other.pid",
    "pdns.pid",
    "pebble",
    "pebble.pid",
    "pebble2",
    "pebble2.pid",
    "resolv.conf",
    "resolver",
    "resolver.pid",
    "ssh",
    "ssh_config",
    "vars.json",
)


class Lab:
    """A lab in a state directory; as a context manager it is up inside.

    options are those of the class Options. A fault that a person can correct is raised as LabError.
    """

    domain = "lab.test"
    controller = str(NETWORK[1])
    controller6 = str(NETWORK6[1])

    def __init__(self, state: str | os.PathLike[str] = "build/lab", **options: Any) -> None:
        self.state = Path(state).absolute()
        self.options = Options(**options)
        self._id = ""
        self._owner: Process | None = None
        self._network: int | None = None  # the inode of the controller's network namespace
        self.control = ""  # directory with a short path: ssh's shared connections, and where servers see the state
        self.office: Process | None = None  # in the controller's network where firewall() gives it one of its own
        self.dns = Dns(self)
        self.authorities = Authorities(self)  # up if the options have dns_zones
        self.pebble = Pebble(self)

    @classmethod
    def attach(cls, state: str | os.PathLike[str] = "build/lab") -> Lab:
        """Return the lab that is up in a state directory."""
        lab = cls(state)
        if not lab._load() or lab._init() is None:
            raise LabError(f"there is no lab up in {lab.state}: bring one up with: python -m tests.lab up")
        lab.pebble.load()
        return lab

    def __enter__(self) -> Lab:
        self.up(owner=Process.of(os.getpid()))
        return self

    def __exit__(self, *_unused: object) -> None:
        self.down()

    # -- State

    @property
    def hosts(self) -> list[str]:
        """The hosts' names, up or not."""
        return [f"web{number}" for number in range(1, self.options.hosts + 1)]

    def address(self, host: str) -> str:
        self._known(host)
        return str(NETWORK[256 + int(host.removeprefix("web"))])

    def address6(self, host: str) -> str:
        """Return the IPv6 address of a host. No name leads there: a test that wants one adds it with dns.add()."""
        self._known(host)
        return str(NETWORK6[256 + int(host.removeprefix("web"))])

    def fqdn(self, host: str) -> str:
        self._known(host)
        return f"{host}.{self.domain}"

    def alive(self, host: str) -> bool:
        """Return True if the host runs, plugged in or not."""
        return self._host_init(host) is not None

    def path(self, host: str, path: str) -> Path:
        """Return the path of a host's file for this process. Absolute symlinks in it lead to the machine's files."""
        return Path(f"/proc/{self._running(host).pid}/root") / path.lstrip("/")

    def log(self, name: str) -> Path:
        """Return the log of a server of the lab (named, pebble, and those of the authorities)."""
        return self.state / "log" / f"{name}.log"

    @property
    def init(self) -> Process:
        """The process that holds the lab; it lies in the controller's network namespace."""
        init = self._init()
        if init is None:
            raise LabError(f"there is no lab up in {self.state}")
        return init

    # -- Up and down

    def up(self, owner: Process | None = None) -> None:
        """Bring it up; when that fails, nothing of it is left.

        owner is the process without which the lab is of no use: when it is gone, the next up() in the directory takes
        the lab down first.
        """
        _check_machine()
        self.state.mkdir(parents=True, exist_ok=True)
        with self._locked(), usual_umask():
            self._make_room()
            self._id = uuid.uuid4().hex
            self._owner = owner
            try:
                self._up()
            except BaseException:
                self._down()
                raise

    def down(self) -> None:
        """Take down all that is up in the state directory, also leftovers of a killed process."""
        if not self.state.is_dir():
            return
        with self._locked():
            if self._load():
                self._down()

    def save(self) -> None:
        """Note on disk what down() and attach() need."""
        state = {
            "id": self._id,
            "owner": self._owner,
            "control": self.control,
            "network": self._network,
            "options": asdict(self.options),
        }
        aside = self.state / "lab.json.new"
        aside.write_text(json.dumps(state, indent=2))
        aside.replace(self.state / "lab.json")

    # -- Using it

    def run(self, args: Sequence[str | os.PathLike[str]], **kwargs: Any) -> subprocess.CompletedProcess[Any]:
        """subprocess.run() in the controller's network, with the lab's names and its ansible.cfg."""
        env = self.environment(kwargs.pop("env", None))
        return subprocess.run(self.command(args), check=kwargs.pop("check", False), env=env, **kwargs)

    def popen(self, args: Sequence[str | os.PathLike[str]], **kwargs: Any) -> subprocess.Popen[Any]:
        """subprocess.Popen() as run() does it. The process is the command itself, so a signal reaches it."""
        return subprocess.Popen(self.command(args), **{**kwargs, "env": self.environment(kwargs.get("env"))})

    def command(self, args: Sequence[str | os.PathLike[str]]) -> list[str]:
        """Return the command line that runs args in the controller's network, in the current directory."""
        network = f"--net=/proc/{self.office.pid}/ns/net" if self.office else "--net"
        return [*nsenter(self.init, network, "--mount", f"--wdns={os.getcwd()}"), *map(str, args)]

    def environment(self, env: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment that run() makes of the given one, or of this process's own."""
        # Proxies are out of reach in there.
        kept = {name: value for name, value in (os.environ if env is None else env).items() if not PROXY.search(name)}
        kept.setdefault("ANSIBLE_CONFIG", str(self.state / "ansible.cfg"))
        # This Python's own programs first: the ansible-playbook on PATH may be another one.
        kept["PATH"] = f"{Path(sys.executable).parent}:{kept.get('PATH', CLEAN_ENV['PATH'])}:{SBIN}"
        return kept

    def exec(self, host: str, args: Sequence[str], **kwargs: Any) -> subprocess.CompletedProcess[Any]:
        """subprocess.run() inside a host, as its root."""
        env = {**CLEAN_ENV, **(kwargs.pop("env", None) or {})}
        check = kwargs.pop("check", False)
        return subprocess.run(self.exec_command(host, args), check=check, **{"env": env, "umask": UMASK, **kwargs})

    def exec_command(self, host: str, args: Sequence[str]) -> list[str]:
        """Return the command line that runs args inside a host."""
        return [*nsenter(self._running(host), "--net", "--mount", "--uts", "--pid"), *args]

    def inside(self, function: Callable[[], Any]) -> Any:
        """Return the result of function(), run in a thread in the controller's network.

        Names are not looked up at the lab's server there: use addresses.
        """
        return in_network(self.init.pid, function)

    def unplug(self, host: str) -> None:
        """Pull the host's network cable."""
        self._link(host, "down")

    def plug(self, host: str) -> None:
        """Put it back."""
        self._link(host, "up")

    def kill(self, host: str) -> None:
        """End a host and all in it at once, as a power cut does; its files are lost."""
        self._running(host).kill()

        def gone() -> bool:
            return self.ip("link", "show", host, check=False).returncode != 0

        # The kernel takes namespaces apart later; a new host of that name needs the link's name.
        wait(gone, 20, f"the link of {host} does not go away", pause=0.05)

    def boot(self, host: str) -> None:
        """Start a host that was killed, as new."""
        if self.alive(host):
            raise LabError(f"{host} is up")
        for connection in Path(self.control).iterdir():
            if connection.is_socket():
                connection.unlink()  # shared by what logged in before; it may lead to the host that was
        init = self.init
        addresses = [f"{self.address(host)}/{NETWORK.prefixlen}", f"{self.address6(host)}/{NETWORK6.prefixlen}"]
        args = [str(self.state), str(init.pid), host, *addresses]
        enter = nsenter(init, "--net", "--mount", "--pid")
        start(f"host {host}", [*enter, *unshare("--net", "--uts"), "sh", str(HERE / "host.sh"), *args])

    def enable_tls(self, host: str, name: str, server_names: Sequence[str] = ()) -> None:
        """Serve the certificate name (or the directory it names, when it is a path) at port 443.

        For these server names, or for all without any.
        """
        web.enable_tls(self, host, name, server_names)

    def served(self, host: str, server_name: str, roots: str | None = None) -> bytes:
        """Return the certificate (DER) that a host serves for a name at port 443, requested from the controller.

        With roots (PEM) it must lead to one of them and fit the name, else ssl.SSLCertVerificationError is raised.
        Raises OSError when there is no connection.
        """
        return web.served(self, host, server_name, roots)

    # -- Parts

    def seen(self, path: Path) -> str:
        """Return the path by which the lab's servers reach a file of the state directory.

        named gives up root's right to enter any directory (CAP_DAC_OVERRIDE), so it cannot read in a checkout below a
        home directory of mode 0700. In the lab's mount namespace, the state directory is also in one of root's. That
        path has no blanks or other special characters, either.
        """
        return f"{self.control}/state/{path.relative_to(self.state)}"

    def spawn(self, name: str, args: Sequence[str | os.PathLike[str]], env: Mapping[str, str] | None = None) -> None:
        """Start a server of the lab in the background, on the controller, with a log."""
        pid_file = self.state / f"{name}.pid"
        pid_file.unlink(missing_ok=True)
        enter = [*nsenter(self.init, "--net", "--mount", "--pid"), "setsid", "--fork"]
        command = [*enter, "sh", str(HERE / "spawn.sh"), str(pid_file), *map(str, args)]
        options = {"env": {**CLEAN_ENV, **(env or {})}, "cwd": "/", "umask": UMASK, "stdin": subprocess.DEVNULL}
        with self.log(name).open("ab") as log:
            subprocess.run(command, stdout=log, stderr=log, check=True, **options)
        wait(lambda: pid_file.exists() and pid_file.read_text().endswith("\n"), 10, f"{name} does not start")

    def ip(self, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the program ip in the controller's network. Raises LabError when it fails, unless check is false."""
        command = [*nsenter(self.init, "--net"), "ip", *args]
        done = subprocess.run(command, env=CLEAN_ENV, capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            raise LabError(f"ip {' '.join(args)}: {done.stderr.strip()}")
        return done

    def _up(self) -> None:
        state = self.state
        # Unix sockets take paths of about a hundred characters, so not in the state directory. Nor in a directory of
        # the person's: see seen().
        self.control = f"/run/lab-{self._id[:8]}"
        self.save()
        os.mkdir(self.control, 0o700)
        os.mkdir(f"{self.control}/state")
        for directory in ("ansible", "hosts", "layers", "log", "ssh"):
            (state / directory).mkdir(exist_ok=True)
        resolv_conf = f"nameserver {self.controller}\nsearch {self.domain}\n"
        (state / "resolv.conf").write_text(resolv_conf)
        addresses = [f"{self.controller}/{NETWORK.prefixlen}", f"{self.controller6}/{NETWORK6.prefixlen}"]
        args = [str(state), f"{self.control}/state", self._id, *addresses]
        start("lab", [*unshare("--net"), "sh", str(HERE / "init.sh"), *args])
        self._network = self.init.network()
        self.save()

        with ThreadPoolExecutor(max_workers=8) as pool:
            public_key = keys.ssh_key(state / "ssh" / "id", "the lab's controller")
            known_hosts = pool.map(self._prepare, self.hosts)
            (state / "ssh" / "known_hosts").write_text("".join(known_hosts))
            layer.fill(Path(f"/proc/{self.init.pid}/root{state}/layers/base"), public_key, resolv_conf)
            booting = [pool.submit(self.boot, host) for host in self.hosts]
            self.dns.start(self._records())
            if self.options.dns_zones:
                self.authorities.start()
            self.pebble.start()
            for future in booting:
                future.result()
        controller.write(self)

    def _prepare(self, host: str) -> str:
        """Write the files that only this host has; return its line of known_hosts."""
        files = self.state / "hosts" / host / "files"
        (files / "etc" / "ssh").mkdir(parents=True)
        key = keys.ssh_key(files / "etc" / "ssh" / "ssh_host_ed25519_key", host)
        (files / "etc" / "hostname").write_text(f"{host}\n")
        (files / "etc" / "hosts").write_text(f"127.0.0.1 localhost\n{self.address(host)} {self.fqdn(host)} {host}\n")
        return f"{host},{self.fqdn(host)},{self.address(host)} {key}"

    def _records(self) -> list[tuple[str, str, str]]:
        records = [("ca", "A", self.controller)]
        for host in self.hosts:
            records += [(host, "A", self.address(host)), (f"*.{host}", "A", self.address(host))]
        if self.options.dns_zones:
            records += self.authorities.delegations()
        return records + [("lb", "A", self.address(host)) for host in self.hosts[: self.options.lb]]

    def _make_room(self) -> None:
        other = Lab(self.state)
        if not other._load():
            if strangers := sorted(set(os.listdir(self.state)) - {*OURS, "log"}):
                raise LabError(f"{self.state} is no lab's: it has {strangers[0]}; name an empty or a new directory")
        elif other._init() and (other._owner is None or other._owner.alive):
            raise LabError(
                f"the lab in {self.state} is up already, with {len(other.hosts)} hosts; to take it down: "
                f"python -m tests.lab --state {self.state} down"
            )
        else:
            other._down()

    def _down(self) -> None:
        for process in self._entered():
            process.kill()
        if init := self._init():
            init.kill()
        if self.control:
            shutil.rmtree(self.control, ignore_errors=True)
        for name in OURS:
            path = self.state / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def _entered(self) -> list[Process]:
        """Return all processes in the controller's network but the lab's process 1 and this one.

        Processes from outside do not end with process 1: ssh's shared connections, what run() started. They hold the
        network even when process 1 is gone.
        """
        init = self._init()
        network = init.network() if init else self._network
        found = [process for process in processes() if process.network() == network] if network else []
        if not init and found and not self._is_our_network(found[0]):
            return []
        return [process for process in found if process != init and process.pid != os.getpid()]

    def _is_our_network(self, process: Process) -> bool:
        """Return True if the network is this lab's: another one may have its inode by now."""
        command = [*nsenter(process, "--net"), "ip", "-json", "link", "show", "bridge"]
        shown = subprocess.run(command, env=CLEAN_ENV, capture_output=True, check=False)
        return shown.returncode == 0 and json.loads(shown.stdout)[0].get("ifalias") == self._id

    def _load(self) -> bool:
        try:
            state = json.loads((self.state / "lab.json").read_text())
        except FileNotFoundError:
            return False
        self._id, self.control, self._network = state["id"], state["control"], state["network"]
        self._owner = Process(*state["owner"]) if state["owner"] else None
        self.options = Options(**state["options"])
        return True

    @contextmanager
    def _locked(self) -> Iterator[None]:
        fd = os.open(self.state, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def _init(self) -> Process | None:
        return Process.recorded(self.state / "init.pid")

    def _host_init(self, host: str) -> Process | None:
        self._known(host)
        return Process.recorded(self.state / "hosts" / host / "init.pid")

    def _running(self, host: str) -> Process:
        init = self._host_init(host)
        if init is None:
            raise LabError(f"{host} is not up")
        return init

    def _known(self, host: str) -> None:
        if host not in self.hosts:
            raise LabError(f"there is no host {host}: the lab has {self.hosts[0]} to {self.hosts[-1]}")

    def _link(self, host: str, state: str) -> None:
        self._known(host)
        self.ip("link", "set", host, state)


def _check_machine() -> None:
    if os.geteuid() != 0:
        raise LabError("the lab needs root: it makes namespaces and mounts")
    missing = [program for program in PROGRAMS if not shutil.which(program, path=CLEAN_ENV["PATH"])]
    if missing:
        raise LabError(f"programs are missing: {', '.join(missing)}; run make system")
