# Everything a newcomer needs. Nothing stays running after any of these, except a demo with KEEP=1.
.DEFAULT_GOAL := help
.PHONY: help setup browser check test demo bench image matrix release clean

# Where scripts/setup.sh puts the right Node.js when the machine has none.
export PATH := $(CURDIR)/.cache/node-24/bin:$(PATH)

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what is missing: Node.js and its packages, RabbitMQ, Redis
	@scripts/setup.sh

browser: ## install Chromium, for the tests of the status page (Debian, root; about a minute)
	@apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-liberation

check: setup ## format, lint and types: what CI checks before the tests
	@npm run --silent check

test: setup ## build, check and all tests; ARGS="test/unit" picks some; RABBITMQ=3 or 4 picks the broker's line
	@npm run --silent build
	@npm run --silent check
	@node scripts/test.mjs $(ARGS)

demo: setup ## a whole reinstall on this machine, cloud included; KEEP=1 leaves it running
	@echo "demo: building the worker (some seconds)"
	@npm run --silent demo -- $(if $(KEEP),--keep)

bench: setup ## measure what the worker costs and how fast it is
	@npm run --silent bench

image: setup ## build the container image and run it read-only (needs buildah, podman and root)
	@scripts/check-image.sh

matrix: setup ## unit, contract and simulation tests, and the built worker, on Node.js 22, 24 and 26; ARGS=22 picks one
	@npm run --silent build
	@scripts/node-matrix.sh $(ARGS)

release: setup ## build all of a release into .cache/release/VERSION, publish nothing; VERSION=1.2.3
	@scripts/release.sh "$(VERSION)"

clean: ## remove what was built
	rm -rf dist coverage .cache
