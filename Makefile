# Needs git, make and Python 3.11 or newer. Everything else is put into .venv, from the locks.

UV := uv==0.13.9
BIN := .venv/bin
# Most tests wait for something real: more at once than there are cores.
AT_ONCE ?= 6
# Some take a thousand times as long as others: nobody gets many of the long ones in advance.
ONE_BY_ONE := --maxschedchunk=1
# Browsers, and rounds of many processes, starve whatever runs beside them.
HEAVY := tests/chaos tests/browser
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

# Wheels only: nothing is compiled, and no package's own code runs while it is installed.
# The lock is whole, so nothing is left to resolve: an older pip would let an extra of a package
# (pytest-cov wants coverage[toml]) escape the pinned version as soon as there is a newer one.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	--only-binary :all: --require-hashes --no-deps --requirement
# The oldest Python decides, whichever runs this: some packages are needed there alone.
COMPILE := .venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --only-binary :all: \
	--generate-hashes --no-strip-extras --no-emit-index-url --no-header pyproject.toml

# One binary in a wheel that lints JavaScript and has the TypeScript compiler in it.
PAGE := bot/sandbox/slack/page

.DEFAULT_GOAL := help
.PHONY: help sandbox doctor test test-quick chaos mutations bench contract pictures lint fmt lock audit image
.PHONY: clean

help: ## What can be made
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1~\2/p' Makefile | column -t -s '~'

sandbox: .venv/sandbox ## Try the bot: a local Slack, a local cloud, the real bot
	@exec $(BIN)/python -m bot sandbox $(ARGS)

# With the settings of the sandbox that runs beside it.
doctor: .venv/sandbox ## Check the sandbox that runs, as a deployment is checked
	@test -f .sandbox/bot.env || { echo "Start the sandbox first: make sandbox" >&2; exit 1; }
	@while IFS= read -r line; do export "$$line"; done <.sandbox/bot.env; \
		exec $(BIN)/python -m bot doctor $(ARGS)

# Containers often forbid it; then every worker, and every bot, compiles everything anew.
test test-quick chaos bench: export PYTHONDONTWRITEBYTECODE =
test: .venv/dev ## All tests; COV=--cov measures coverage too, ARGS=tests/story runs some
	@rm -f .coverage .coverage.*
ifdef ARGS
	$(BIN)/python -m pytest $(ARGS)
else
	@failed=0; \
	$(BIN)/python -m pytest $(COV:%=% --cov-fail-under=0) --numprocesses $(AT_ONCE) $(ONE_BY_ONE) $(HEAVY:%=--ignore=%) || failed=1; \
	$(BIN)/python -m pytest $(COV:%=% --cov-append) --numprocesses 3 $(ONE_BY_ONE) $(HEAVY) || failed=1; \
	exit $$failed
endif

test-quick: .venv/dev ## The tests without I/O: about a minute
	$(BIN)/python -m pytest tests/unit

chaos: .venv/dev ## Rounds in which everything goes wrong; ROUNDS=300, MODE=http|socket|both; SEED= and ROUND= repeat one
	@PYTHONPATH=.:tests $(BIN)/python -m chaos $(ROUNDS:%=--rounds %) $(SEED:%=--seed %) \
		$(ROUND:%=--round %) $(MODE:%=--mode %) $(ARGS)

mutations: .venv/dev ## Take one guard away at a time: a test has to notice each
	@PYTHONPATH=.:tests $(BIN)/python -m mutations

bench: .venv/dev ## How fast, and what it asks of others, each figure beside a peer's
	@PYTHONPATH=.:tests $(BIN)/python -m bench $(ARGS)

contract: .venv/dev ## Slack's own judgement of all that is shown; SLACK_BOT_TOKEN=xoxb-…
	@PYTHONPATH=.:tests SLACK_BOT_TOKEN="$(SLACK_BOT_TOKEN)" $(BIN)/python -m contract

pictures: .venv/dev ## Take the README's pictures anew, with a browser
	BROWSER_TESTS=required PICTURES=.github/images $(BIN)/python -m pytest tests/browser

lint: .venv/dev ## Style, types and the arrows of the design
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deno lint --quiet $(PAGE)
	$(BIN)/deno check --quiet --config $(PAGE)/deno.json $(PAGE)/*.js

fmt: .venv/dev ## Mend the style
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

# The first lock decides the versions, the others follow it. UPGRADE=1 takes the newest.
lock: | .venv-lock/bin/uv ## Write the locks anew after pyproject.toml has changed
	$(COMPILE) $(if $(UPGRADE),--upgrade) --extra dev --output-file requirements-dev.lock
	$(COMPILE) --constraint requirements-dev.lock --output-file requirements.lock
	$(COMPILE) --constraint requirements-dev.lock --extra sandbox \
		--output-file requirements-sandbox.lock
	$(COMPILE) --constraint requirements-dev.lock --extra otel \
		--output-file requirements-otel.lock

# Known weaknesses of what an image holds. Without a network it can't be told: that is no failure.
audit: ## Are weaknesses known of what we depend on? AUDIT="--ignore-vuln ID" lets one pass
	@$(PYTHON) .ci/audit.py $(AUDIT)

image: ## The container image
	docker build --tag vco-route-bot .

clean: ## Throw away what was built
	rm -rf .venv .venv-lock .venv-audit .sandbox .coverage .coverage.* htmlcov dist
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/sandbox: requirements-sandbox.lock | $(BIN)/python
	@echo "Installing what the sandbox needs into .venv (once)"
	@$(INSTALL) $<
	@touch $@

.venv/dev: requirements-dev.lock | $(BIN)/python
	@echo "Installing what development needs into .venv (once)"
	@$(INSTALL) $<
	@touch $@

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; none was found." \
		"If it has another name: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo \
		"$(PYTHON) is not Python 3.11 or newer: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "Python's venv module did not work;" \
		"on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }

.venv-lock/bin/uv: Makefile
	@$(PYTHON) -m venv .venv-lock
	@.venv-lock/bin/python -m pip install --quiet --disable-pip-version-check $(UV)
