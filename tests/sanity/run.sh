#!/bin/sh
# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# run.sh VENV [ARGUMENT...]: ansible-test sanity, of the ansible-core in VENV, over a copy of the checkout, in a home of
# its own. ansible-test skips tests without a tool with a warning and succeeds anyway, so its warnings are
# read: a Python this machine lacks is reported, any other test left out is a failure.
set -eu

root=$PWD
venv=$1
shift
work=$root/build/sanity/$(basename "$venv")
home=$work/home
python=$root/$venv/bin/python

# Tools that ansible-test does not install itself, such as shellcheck, are in build/venv.
PATH=$root/$venv/bin:$root/build/venv/bin:$PATH
for version in 3.9 3.10 3.12 3.13 3.14; do
    found=$(sh tests/setup/find-python.sh "$version") && PATH=$PATH:${found%/*}
done
export PATH

pip_version=$("$python" -c 'if True:
    import sys
    from ansible_test._internal.host_configs import VirtualPythonConfig
    from ansible_test._internal.python_requirements import get_venv_packages
    version = ".".join(map(str, sys.version_info[:2]))
    print(get_venv_packages(VirtualPythonConfig(version=version))["pip"].replace(".", "_"))')
mkdir -p "$home/.ansible/test/cache" "$home/.config/pip"
cp tests/sanity/get_pip.py "$home/.ansible/test/cache/get_pip_$pip_version.py"
"$python" tests/setup/pip_conf.py >"$home/.config/pip/pip.conf"
sh tests/setup/mirror.sh "$work"

cd "$work/ansible_collections/certfleet/tls"
log=$work/output.log
status=0
env -u PYTHONPATH -u ANSIBLE_COLLECTIONS_PATH HOME="$home" XDG_CONFIG_HOME="$home/.config" \
    ansible-test sanity --color no "$@" >"$log" 2>&1 || status=$?

if [ "$status" -ne 0 ]; then
    # All but pip's messages.
    grep -Ev '^( |Looking in|Collecting|Processing|Installing|Successfully|Using cached|WARNING: (Location|Using locale))' "$log"
    exit "$status"
fi
grep -E '^WARNING: (Required program|Skipping)' "$log" | grep -v 'because it could not be found' | sort -u >"$work/left-out" || :
if [ -s "$work/left-out" ]; then
    cat "$work/left-out"
    echo 'sanity: the tests above were left out' >&2
    exit 1
fi
absent=$(sed -n 's/^WARNING: Skipping .*"compile" on Python \(.*\) because .*/\1/p' "$log" | sort -uV | xargs)
core=$("$python" -c 'from ansible.release import __version__; print(__version__)')
echo "sanity of ansible-core $core: $(grep -c '^Running sanity test' "$log") tests passed${absent:+; this machine has no Python $absent to run them on}"
