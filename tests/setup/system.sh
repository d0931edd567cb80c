#!/bin/sh
# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# system.sh [tests]: the Debian packages that the lab needs, or the tests; Pebble and lego of Debian's testing suite in
# build/bin.
# Changes nothing when all is there. Packages are pinned by suite: a mirror keeps one version of each, with its security fixes.
# shellcheck disable=SC2086,SC2016 # lists of words; apt's own notation
set -eu

PATH=$PATH:/usr/sbin:/sbin # dpkg wants them, a user's PATH has them not
cd "$(dirname "$0")/../.."
bin=build/bin

servers='nginx openssh-server bind9 pdns-server'
packages='curl iproute2 nftables openssh-client openssl pdns-backend-sqlite3 procps python3-cryptography python3-venv sudo'
case ${1-} in
    tests)
        servers="$servers dovecot-core apache2 haproxy postfix slapd postgresql"
        packages="$packages dehydrated dovecot-imapd dovecot-pop3d"
        ;;
esac
packages="$servers $packages sysvinit-utils util-linux"
# Debian 14 has it in a package of its own.
command -v pivot_root >/dev/null || packages="$packages util-linux-extra"

installed() {
    [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Pebble, as Debian and `go install` build it, calls its version "dev": dns-persist-01 is what 2.10 brought.
is_pebble_2_10() {
    program=$(command -v "$1") && grep --quiet dns-persist-01 "$program"
}

is_lego_4_35() {
    version=$("$1" --version 2>/dev/null | sed -n 's/^lego version v\{0,1\}\([0-9.]*\).*/\1/p')
    [ -n "$version" ] && dpkg --compare-versions "$version" ge 4.35
}

# Print the missing ones of these packages.
missing() {
    for package; do
        installed "$package" || printf '%s ' "$package"
    done
}

# A server's package starts it now and at every boot: undo both.
install_packages() {
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        trap 'exit 1' HUP INT TERM
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 0755 "$policy"
    fi
    new_servers=$(missing $servers)
    # Otherwise they set up a mail system and a directory for the machine, which the tests do not need.
    printf '%s\n' 'postfix postfix/main_mailer_type select No configuration' 'slapd slapd/no_configuration boolean true' |
        debconf-set-selections
    apt-get update --quiet --quiet || echo 'some package lists could not be fetched: trying with those there are' >&2
    DEBIAN_FRONTEND=noninteractive apt-get install --quiet --quiet --yes --no-install-recommends "$@"
    for package in $new_servers; do
        case $package in
            openssh-server) service=ssh ;;
            bind9) service=named ;;
            pdns-server) service=pdns ;;
            dovecot-core) service=dovecot ;;
            *) service=$package ;;
        esac
        if [ -e "/etc/init.d/$service" ]; then # PowerDNS has none
            update-rc.d "$service" disable
        fi
        if command -v systemctl >/dev/null && [ -e "/lib/systemd/system/$service.service" ]; then # slapd has none
            systemctl --quiet disable "$service.service"
        fi
    done
}

# Programs of the testing suite, from the mirror that the machine uses already, taken out of their packages: they need only a
# libc, and the system's own list of sources stays unchanged. apt verifies the signatures as usual.
fetch_from_testing() {
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' | head -n 1)
    [ -n "$mirror" ] || {
        echo 'apt knows no mirror of Debian: look at its sources, then run apt-get update' >&2
        exit 1
    }
    work=$(mktemp --directory)
    trap 'rm -rf "$work"' EXIT
    trap 'exit 1' HUP INT TERM
    mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/root"
    cat >"$work/testing.sources" <<SOURCES
Types: deb
URIs: $mirror
Suites: testing
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCES
    cat >"$work/apt.conf" <<CONF
Dir::Etc::SourceList "$work/testing.sources";
Dir::Etc::SourceParts "-";
Dir::State::Lists "$work/lists";
Dir::Cache "$work";
Acquire::Languages "none";
CONF
    # apt downloads as a user of its own
    chmod 0755 "$work"
    chown -R _apt: "$work"
    (
        cd "$work"
        export APT_CONFIG="$work/apt.conf"
        apt-get update --quiet --quiet
        apt-get download --quiet --quiet "$@"
    )
    mkdir -p "$bin"
    for program; do
        dpkg-deb --extract "$work/$program"_*.deb "$work/root"
        install -m 0755 "$work/root/usr/bin/$program" "$bin/$program"
    done
}

if [ "$(id -u)" != 0 ]; then
    exec sudo -- sh "tests/setup/system.sh" "$@"
fi

wanted=$(missing $packages)
if [ -n "$wanted" ]; then
    echo "installing $wanted"
    (install_packages $wanted)
fi

fetch=
is_pebble_2_10 pebble || is_pebble_2_10 "$bin/pebble" || fetch=pebble
is_lego_4_35 "$bin/lego" || fetch="$fetch lego"
if [ -n "$fetch" ]; then
    echo "fetching from Debian testing: $fetch"
    (fetch_from_testing $fetch)
    is_pebble_2_10 pebble || is_pebble_2_10 "$bin/pebble" || {
        echo "the pebble of Debian testing is older than 2.10: put a newer one on PATH, or into $bin" >&2
        exit 1
    }
    is_lego_4_35 "$bin/lego" || {
        echo "the lego of Debian testing is older than 4.35: put a newer one into $bin" >&2
        exit 1
    }
fi
echo "the system has what the lab needs"
