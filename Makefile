# make run    start the product: cloud and agent on this machine, dashboard at http://127.0.0.1:8484/
# make demo   the same on generated data, without NYISO
# make test   set up, then every check and test
# make check  what needs no service: format, lints, docs, licenses
# make bench  the numbers that README and docs quote

.DEFAULT_GOAL := help
.PHONY: help run demo test check check-browser bench setup

help:
	@sed -n 's/^# make/make/p' Makefile

run:
	@scripts/run.sh

demo:
	@scripts/run.sh --demo

setup:
	@scripts/setup.sh

test: setup
	@scripts/test.sh

check:
	@scripts/check.sh

check-browser:
	@scripts/check-browser.sh

bench:
	@scripts/bench.sh
