# Roadstead's commands. `make run` is the one to start with.
PYTHON := .venv/bin/python
# `manage.py` and mypy's Django plugin load the settings, which want some secret key; nothing is kept under it.
CHECK := ROADSTEAD_SECRET_KEY=check

.PHONY: run install install-test test longhaul check bench lock messages clean

run: install
	@$(PYTHON) -m deploy

install:
	@deploy/install.sh run

install-test:
	@deploy/install.sh test

# This many processes share the suite, each with servers of its own; `make test WORKERS=0` runs it in one.
WORKERS := 2

test: install-test
	$(PYTHON) -m pytest -m "not longhaul" -n $(WORKERS)

longhaul: install-test
	$(PYTHON) -m pytest -m longhaul

check: install-test
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(CHECK) $(PYTHON) -m mypy .
	.venv/bin/lint-imports
	$(CHECK) $(PYTHON) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

bench: install-test
	$(PYTHON) -m bench

# Pins and hashes anew what requirements*.in ask for. No lock file names the index it was made from.
lock: install-test
	@deploy/install.sh lock

# Ends nothing that runs: stop the stack first. Data under var/ goes too.
clean:
	rm -rf var .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# After words of the pages have changed: fill in portal/locale/*/LC_MESSAGES/django.po, and run it once more.
messages: install-test
	cd portal && $(CHECK) DJANGO_SETTINGS_MODULE=config.settings PYTHONPATH=.. ../.venv/bin/django-admin makemessages --all --no-location --no-wrap --no-obsolete
	cd portal && for each in locale/*/LC_MESSAGES; do msgfmt --check-format -o $$each/django.mo $$each/django.po || exit 1; done
