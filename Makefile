# From a bare Python 3.11 and make to everything else; `make help` lists the targets.
# Everything is installed into ./.venv, from constraints.txt, each file checked against its hash.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
LOCK := $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host

# Tests at once: three for two cores, because a third of a test's time is a wait for a browser, a clock or a server
TESTERS = $$(( ($$(nproc) * 3 + 1) / 2 ))

export PIP_DISABLE_PIP_VERSION_CHECK = 1
# Where it is set, every start of the command would compile mailguard anew: the tests start it hundreds of times
unexport PYTHONDONTWRITEBYTECODE

# The stamp makes every later run instant; another pyproject or lock file makes it run again.
$(INSTALLED): pyproject.toml constraints.txt .ci/venv
	@.ci/venv $(VENV)
	@touch $@

.PHONY: help
help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

.PHONY: install
install: $(INSTALLED)  ## the virtual environment in ./.venv, with mailguard in it

.PHONY: demo
demo: $(INSTALLED)  ## the stories, live; ONCE=1 plays them by itself and exits
	@$(BIN)/mailguard demo $(if $(ONCE),--once)

.PHONY: lint
lint: $(INSTALLED)  ## format, style and strict types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

.PHONY: check
check: lint  ## lint, the house rules and the quick unit tests: under a minute
	@$(BIN)/python -m pytest -q -m "not slow" tests/test_house.py tests/unit tests/deploy

.PHONY: test
test: $(INSTALLED)  ## everything, with the real clients and the real browser; installs what that needs
	@# Beside each other: the one computes, the other fetches. Lint is in the background, for Ctrl-C must reach apt
	@$(MAKE) lint & lint=$$!; tests/install-tools; tools=$$?; wait $$lint && exit $$tools
	@$(BIN)/python -m pytest --numprocesses $(TESTERS) --dist worksteal $(PYTEST)
	@tests/install-tools --missing

.PHONY: coverage
coverage: $(INSTALLED)  ## everything again, and which lines of mailguard no test ran; takes twice as long
	@tests/install-tools
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest $(PYTEST)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

.PHONY: bench
bench: $(INSTALLED)  ## speed, side by side with Postfix (installed if need be); QUICK=1 for a first impression
	@tests/install-tools
	@$(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(BENCH)

.PHONY: torture
torture: $(INSTALLED)  ## break things on purpose, at least 1,000 kills, and print what was lost; MINUTES=5 SEED=1 ONLY=disk WRITE=1
	@tests/install-tools
	@$(BIN)/python -m tests.torture $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) \
		$(if $(ONLY),--only "$(ONLY)") $(if $(WRITE),--write) $(TORTURE)

.PHONY: robot
robot: $(INSTALLED)  ## a machine that presses everything on a hundred notices of each kind, and what it could do
	@tests/install-tools
	@NOTICES=100 $(BIN)/python -m pytest -q --timeout 7200 tests/web/test_robot.py

.PHONY: pictures
pictures: $(INSTALLED)  ## docs/images anew: every page narrow, wide and in the dark
	@tests/install-tools
	@$(BIN)/python -m tests.web.screenshots

.PHONY: fidelity
fidelity: $(INSTALLED)  ## signed, encrypted and special mail times all that is done to mail, verified; the table of docs/fidelity.md
	@tests/install-tools
	@$(BIN)/python -m tests.fidelity --write

SITE := build/site-venv

$(SITE)/.installed: constraints-site.txt $(INSTALLED)
	@$(BIN)/python -m venv $(SITE)
	@$(SITE)/bin/python -m pip install --quiet --require-hashes -r constraints-site.txt
	@touch $@

.PHONY: site
site: $(SITE)/.installed  ## docs/ as a site in build/site; a link that leads nowhere is an error
	@NO_MKDOCS_2_WARNING=1 $(SITE)/bin/mkdocs build
	@echo "build/site/index.html"

.PHONY: dashboard
dashboard: $(INSTALLED)  ## docs/plots/dashboard.svg anew: the dashboard's queries, answered by Prometheus after a load run
	@tests/install-tools
	@$(BIN)/python -m benchmarks.dashboard

.PHONY: fuzz
fuzz: $(INSTALLED)  ## every parser and a live dialogue under a coverage-guided fuzzer, SECONDS each (60); NAME=paths for one
	@for name in $(or $(NAME),$$($(BIN)/python -m tests.fuzz | cut -d' ' -f1)); do \
		$(BIN)/python -m tests.fuzz $$name --seconds $(or $(SECONDS),60) || exit 1; done

.PHONY: lock
lock: $(INSTALLED)  ## choose versions anew; writes the four constraints files
	@$(BIN)/python -m pip install --quiet pip-tools
	@$(LOCK) --upgrade --all-extras --build-deps-for editable --output-file constraints.txt pyproject.toml
	@$(LOCK) --constraint constraints.txt --extra dkim --extra encryption --extra ldap --extra oidc --extra postgres \
		--output-file constraints-runtime.txt pyproject.toml
	@$(LOCK) --constraint constraints.txt --only-build-deps --build-deps-for wheel \
		--output-file constraints-build.txt pyproject.toml
	@$(LOCK) --upgrade --output-file constraints-site.txt docs/site_requirements.in

EXTRACT := $(BIN)/pybabel --quiet extract --mapping babel.cfg --no-default-keywords --keyword "_ say saying N_ CannotTell OverBudget NotKept ngettext:1,2 counted:1,2" \
	--no-location --sort-output --output build/mailguard.pot mailguard
CATALOGUES := --input-file build/mailguard.pot --domain mailguard --output-dir mailguard/locale

.PHONY: privacy
privacy: $(INSTALLED)  ## docs/privacy.md: what the store keeps of people, read from the code
	@$(BIN)/python -m mailguard.store.inventory docs/privacy.md

.PHONY: language
language: $(INSTALLED)  ## the sentences of pages and notices, for their translators; NEW=fr begins another language
	@mkdir -p build
	@$(EXTRACT)
	@$(if $(NEW),$(BIN)/pybabel --quiet init --locale $(NEW) $(CATALOGUES))
	@$(BIN)/pybabel --quiet update --ignore-obsolete --ignore-pot-creation-date --no-wrap $(CATALOGUES)

.PHONY: clean
clean:  ## remove the environment and everything generated
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.* dist build out
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
