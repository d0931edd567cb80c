# Copyright: certfleet.tls contributors
# SPDX-License-Identifier: GPL-3.0-or-later

# Everything made here lies in build/. The system's Python: a shim on PATH may be another one.
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)
# The oldest Python of a host where the machine has it; the oldest cryptography runs on newer ones too.
PYTHON_OLDEST ?= $(shell sh tests/setup/find-python.sh 3.9 || echo $(PYTHON))
# The newest ansible-core needs a Python 3.13 or later; without one its tests are skipped.
PYTHON_NEWEST ?= $(shell for v in 3.13 3.14; do sh tests/setup/find-python.sh $$v && break; done)
# The lab, its services and what installs them need root.
AS_ROOT := $(if $(filter-out 0,$(shell id -u)),sudo -H -E env PATH="$$PATH" PYTHONDONTWRITEBYTECODE=1)

VENV := build/venv
OLDEST_HOST := build/venv-oldest-host
OLDEST_CONTROLLER := build/venv-oldest-controller
NEWEST_CONTROLLER := build/venv-newest-controller
CORES := $(OLDEST_CONTROLLER)/stamp $(if $(PYTHON_NEWEST),$(NEWEST_CONTROLLER)/stamp)
CLOUD := build/venv-cloud
DEV := build/collections_dev
PYTEST := $(VENV)/bin/python -m pytest
# For two cores. Each process has labs of its own; much of what they do is to wait for servers.
SIDE_BY_SIDE := --numprocesses 2 --dist loadfile
# In the order of files, fleet first: files with few tests have the longest, and would come last.
LABS_SIDE_BY_SIDE := --numprocesses 4 --dist loadfile --no-loadscope-reorder --durations 15

# Nobody's own settings get in, except those of pip, which say where packages come from.
unexport $(filter ANSIBLE_% ACME_% PYTHON% VIRTUAL_ENV,$(.VARIABLES))
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/$(DEV)
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# Targets share build/; only those of test are known to run side by side.
ifndef SIDE_BY_SIDE_TARGETS
.NOTPARALLEL:
endif
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-print-directory

##@ Two commands for everyone; each sets up what it needs
.PHONY: demo test
demo: setup ## three hosts and a CA on this machine: issue, run again, look at what is served (root or sudo)
	$(AS_ROOT) $(VENV)/bin/python -m tests.demo

test: venv ## all tests below (root or sudo)
	$(MAKE) SIDE_BY_SIDE_TARGETS=yes --jobs 2 test-sanity test-beside-sanity
	$(MAKE) test-labs test-demo

##@ Parts of the tests
.PHONY: test-beside-sanity test-lint test-types test-sanity test-unit test-unit-oldest test-unit-cores
.PHONY: test-labs test-integration test-fleet test-demo
# Sanity tests keep one processor busy for minutes, and setting up waits for downloads.
test-beside-sanity: venv
	$(MAKE) SIDE_BY_SIDE_TARGETS= test-lint test-types test-unit $(CLOUD)/stamp

test-lint: venv ## ansible-lint (production), yamllint, ruff, shellcheck, changelog fragments, documentation, words
	sh tests/lint/run.sh

test-types: venv ## mypy, strict
	$(VENV)/bin/mypy

test-sanity: venv ## ansible-test sanity with no exceptions, of the pinned ansible-core
	flock build/sanity.lock sh tests/sanity/run.sh $(VENV)

test-unit: build/system-tests.stamp test-unit-oldest test-unit-cores setup ## unit tests
	$(PYTEST) $(SIDE_BY_SIDE) -m "not hard" tests/unit

# The hundreds of crashes of test_crashes.py ask nothing of cryptography.
test-unit-oldest: $(OLDEST_HOST)/stamp $(DEV) ## the unit tests of what runs on hosts, with the oldest cryptography
	@echo "the oldest cryptography, on $$($(OLDEST_HOST)/bin/python --version): Python 3.9 where the machine has it"
	$(OLDEST_HOST)/bin/python -m pytest $(SIDE_BY_SIDE) --ignore tests/unit/host/test_crashes.py \
	    tests/unit/common tests/unit/x509 tests/unit/host

# The rooms that ask something of ansible-core, without two files of long waits for a CA.
test-unit-cores: $(CORES) $(DEV) ## the unit tests of what runs in ansible-core, with the oldest and the newest
	for core in $(OLDEST_CONTROLLER) $(if $(PYTHON_NEWEST),$(NEWEST_CONTROLLER)); do \
	    $$core/bin/python -m pytest $(SIDE_BY_SIDE) -m "not hard" tests/unit/plugins tests/unit/steps tests/unit/play \
	        tests/unit/variables tests/unit/ansible tests/unit/dns/test_task_files.py \
	        --ignore tests/unit/ansible/test_same_order.py --ignore tests/unit/ansible/test_finalizing.py || exit; \
	done

test-labs: build/system-tests.stamp setup $(CORES) $(CLOUD)/stamp ## the next two in one go (root or sudo)
	$(AS_ROOT) $(PYTEST) $(LABS_SIDE_BY_SIDE) -m "not hard" tests/fleet tests/integration

test-integration: build/system-tests.stamp setup $(CORES) $(CLOUD)/stamp ## each module against a real CA (root or sudo)
	$(AS_ROOT) $(PYTEST) $(LABS_SIDE_BY_SIDE) -m "not hard" tests/integration

test-fleet: build/system-tests.stamp setup $(CORES) ## the role over twenty hosts and a CA on this machine (root or sudo)
	$(AS_ROOT) $(PYTEST) $(LABS_SIDE_BY_SIDE) -m "not hard" tests/fleet

test-demo: setup $(OLDEST_CONTROLLER)/stamp ## the demo, with the oldest ansible-core (root or sudo)
	$(AS_ROOT) $(OLDEST_CONTROLLER)/bin/python -m tests.demo

##@ Longer tests, which make test leaves out (root or sudo)
.PHONY: test-hard test-unit-hard test-labs-hard test-sanity-oldest test-sanity-newest test-debian12 test-debian13 test-debian-testing
test-hard: test-sanity-oldest test-sanity-newest test-unit-hard test-labs-hard test-debian13 ## all of these, without the other releases of Debian
test-unit-hard: setup ## simulated years hour by hour, thousands of malformed answers
	$(PYTEST) $(SIDE_BY_SIDE) -m hard tests/unit
test-labs-hard: build/system-tests.stamp setup $(CORES) $(CLOUD)/stamp ## killed runs, hosts in trouble, every answer of a hostile host, all wrong inputs
	$(AS_ROOT) $(PYTEST) $(LABS_SIDE_BY_SIDE) --dist worksteal -m hard tests/integration tests/fleet
test-sanity-oldest: $(OLDEST_CONTROLLER)/stamp venv ## ansible-test sanity of the oldest ansible-core
	flock build/sanity.lock sh tests/sanity/run.sh $(OLDEST_CONTROLLER)
# Its pylint needs a library from a host of its developers' that not every network reaches; the older ones' pylint runs anyway.
test-sanity-newest: venv $(CORES) ## ansible-test sanity of the newest ansible-core, where the machine has a Python for it
	$(if $(PYTHON_NEWEST),flock build/sanity.lock sh tests/sanity/run.sh $(NEWEST_CONTROLLER) --skip-test pylint)
test-debian12: venv ## demo and unit tests on a fresh Debian 12, as a user with sudo and as root
	$(call on_debian,bookworm)
test-debian13: venv ## the same on Debian 13
	$(call on_debian,trixie)
test-debian-testing: venv ## the same on Debian testing
	$(call on_debian,testing)

# pip's settings are those of whoever runs make: under sudo there is another home.
define on_debian
(umask 077 && $(VENV)/bin/python tests/setup/pip_conf.py >build/pip.conf)
$(AS_ROOT) sh tests/debian/run.sh $(1) build/pip.conf
endef

##@ Measuring
.PHONY: bench
bench: setup ## against the peers: prints a table, writes build/bench.json (root or sudo)
	$(AS_ROOT) $(VENV)/bin/python -m tests.bench

##@ Writing
.PHONY: format
format: venv ## repair what ruff can repair: format, order of imports, unused names
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

##@ Setting up; the targets above do it themselves
.PHONY: setup system venv pins
setup: system venv ## all of it
system: build/system.stamp ## Debian packages and the test CA (root or sudo)
venv: $(VENV)/stamp $(DEV) ## the development tools in build/venv, as pinned

pins: ## resolve the pins in tests/setup/*.txt again, from tests/setup/*.in
	mkdir -p build
	sh tests/setup/pin.sh $(PYTHON) venv
	sh tests/setup/pin.sh $(PYTHON) oldest-controller
	sh tests/setup/pin.sh $(PYTHON_NEWEST) newest-controller
	sh tests/setup/pin.sh $(PYTHON) cloud
	sh tests/setup/pin.sh $(PYTHON_OLDEST) oldest-host

build/system.stamp: tests/setup/system.sh
	mkdir -p build
	$(AS_ROOT) sh $<
	touch $@

# Servers that the demo has no use for.
build/system-tests.stamp: tests/setup/system.sh
	mkdir -p build
	$(AS_ROOT) sh $< tests
	touch $@ build/system.stamp

# A fresh Debian's Python cannot make virtual environments until the system's set-up gave it the means.
NO_VENV := $(shell $(PYTHON) -c 'import ensurepip' 2>&1)
NEEDS := tests/setup/python.sh $(if $(NO_VENV),build/system.stamp)

$(VENV)/stamp: tests/setup/venv.txt $(NEEDS)
	sh tests/setup/python.sh $(PYTHON) $(VENV) $<
	touch $@

$(OLDEST_CONTROLLER)/stamp: tests/setup/oldest-controller.txt $(NEEDS)
	sh tests/setup/python.sh $(PYTHON) $(OLDEST_CONTROLLER) $<
	touch $@

$(NEWEST_CONTROLLER)/stamp: tests/setup/newest-controller.txt $(NEEDS)
	sh tests/setup/python.sh $(PYTHON_NEWEST) $(NEWEST_CONTROLLER) $<
	touch $@

$(CLOUD)/stamp: tests/setup/cloud.txt $(NEEDS)
	sh tests/setup/python.sh $(PYTHON) $(CLOUD) $<
	touch $@

$(OLDEST_HOST)/stamp: tests/setup/oldest-host.txt $(NEEDS)
	sh tests/setup/python.sh $(PYTHON_OLDEST) $(OLDEST_HOST) $<
	touch $@

# The checkout as ansible_collections.certfleet.tls: Python and ansible-playbook follow the link.
$(DEV):
	mkdir -p $@/ansible_collections/certfleet
	ln -s ../../../.. $@/ansible_collections/certfleet/tls

##@ Releasing
.PHONY: build docs changelog clean
build: venv ## the collection's archive, in build/
	$(VENV)/bin/ansible-galaxy collection build --force --output-path build

docs: venv ## the tables of DNS providers, variables, modules and faults in docs/
	PYTHONPATH=$(DEV) $(VENV)/bin/python -m tests.docs.providers
	PYTHONPATH=$(DEV) $(VENV)/bin/python -m tests.docs.reference
	PYTHONPATH=$(DEV) $(VENV)/bin/python -m tests.docs.faults

changelog: venv ## CHANGELOG.md from changelogs/fragments
	$(VENV)/bin/antsibull-changelog release --refresh --reload-plugins --update-existing

clean: ## remove all that was made
	rm -rf build || sudo rm -rf build

.PHONY: help
help: ## this text
	@awk -F ':.*## ' '/^##@ / { printf "\n%s\n", substr($$0, 5) } \
	    /^[a-z0-9-]+:.*## / { printf "  make %-19s %s\n", $$1, $$2 }' Makefile
