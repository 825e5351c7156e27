#!/usr/bin/env bash
# Makes this checkout ready to run: Node.js, its packages, RabbitMQ and Redis. May be repeated; says little when all is
# there. A Node.js that is too old, or missing, stays as it is: the right one goes to .cache, where the Makefile looks first.
set -euo pipefail
cd "$(dirname "$0")/.."
# A package's question must fail, not wait for somebody who is not there.
exec </dev/null

say() { printf 'setup: %s\n' "$*"; }
fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

LOG=$(mktemp)
trap 'rm -f "$LOG"' EXIT

main() {
  provide_node
  install_node_packages
  link_node
  provide_services
  say "ready"
}

# The line of the image: scripts/node has its version and its checksums.
NODE_LINE=24
provide_node() {
  # One that was brought before is kept up to date; make has put it first on the PATH.
  if [ ! -e ".cache/node-$NODE_LINE" ] && has_node && command -v npm >/dev/null 2>&1; then return; fi
  if ! command -v npm >/dev/null 2>&1; then
    can_apt || fail "Node.js 22.19 or newer with npm is needed and was not found: install it from https://nodejs.org"
    say "installing npm with apt-get, to fetch Node.js $NODE_LINE with it (about a minute)"
    install_debian_packages npm && hash -r && command -v npm >/dev/null 2>&1 ||
      fail "apt-get could not install npm: install Node.js 22.19 or newer from https://nodejs.org"
  fi
  if [ ! -e ".cache/node-$NODE_LINE" ]; then
    local found
    found=$(node --version 2>/dev/null) || found="no Node.js"
    say "$found here, 22.19 or newer is needed: fetching Node.js $NODE_LINE with npm, for this checkout alone"
  fi
  local bin
  bin=$(scripts/provide-node.sh "$NODE_LINE" 2>"$LOG") || { cat "$LOG" >&2; fail "Node.js $NODE_LINE could not be fetched"; }
  PATH=$bin:$PATH
  has_node || fail "$bin/node is $(node --version): 22.19 or newer was expected"
}

has_node() {
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 19) ? 0 : 1)' 2>/dev/null
}

# npm and npx put this folder first on the PATH: `npx vitest` in this checkout runs on the right Node.js as well.
link_node() {
  if [ -e ".cache/node-$NODE_LINE" ]; then ln -sfn "../../.cache/node-$NODE_LINE/bin/node" node_modules/.bin/node; fi
}

install_node_packages() {
  local stamp=node_modules/.package-lock.json
  if [ -e "$stamp" ] && [ ! package-lock.json -nt "$stamp" ]; then return; fi
  say "installing Node.js packages (npm ci, about half a minute)"
  # --include=dev: the tests need them even where NODE_ENV=production is set.
  local flags=(--include=dev --no-audit --no-fund --loglevel=error)
  if quietly npm ci "${flags[@]}" 2>"$LOG"; then return; fi
  # A lock file made with a registry without other platforms' packages is refused: see scripts/complete-lock.mjs.
  grep -q 'from lock file' "$LOG" || { cat "$LOG" >&2; fail "npm ci failed, see above"; }
  say "npm ci refuses package-lock.json as incomplete; trying npm install, which leaves the file as it is"
  quietly npm install --no-save "${flags[@]}" || fail "npm install failed, see above"
}

# The tests and the demo start private instances; nothing here runs as a service.
provide_services() {
  local missing=()
  has_rabbitmq || missing+=(rabbitmq-server)
  has_redis || missing+=(redis-server)
  if [ ${#missing[@]} -eq 0 ]; then return; fi

  local why=""
  if can_apt; then
    # Certificates for the TLS tests.
    command -v openssl >/dev/null 2>&1 || missing+=(openssl)
    say "installing ${missing[*]} with apt-get, without starting them (about half a minute)"
    if install_debian_packages "${missing[@]}" && has_rabbitmq && has_redis; then return; fi
    why=" (apt-get could not)"
  fi
  if has_docker; then
    say "no ${missing[*]} on this machine: the tests will use Docker (rabbitmq:4-management, redis:7)"
    return
  fi
  fail "RabbitMQ and Redis are needed: install ${missing[*]} with your package manager$why, or start a Docker engine."
}

# The same places as test/support/processes/backend.ts looks in.
on_path() {
  PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/homebrew/sbin:/opt/homebrew/bin" \
    command -v "$1" >/dev/null 2>&1
}
has_rabbitmq() { [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || on_path rabbitmq-server; }
has_redis() { on_path redis-server || on_path valkey-server; }
has_docker() { command -v docker >/dev/null 2>&1 && docker info >/dev/null 2>&1; }

can_apt() {
  command -v apt-get >/dev/null 2>&1 || return 1
  [ "$(id -u)" = 0 ] || sudo -n true >/dev/null 2>&1
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

install_debian_packages() {
  local policy=/usr/sbin/policy-rc.d status=0 ours=""
  if [ ! -e "$policy" ]; then
    # Debian's own way to say: install, do not start.
    ours=yes
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null && as_root chmod 755 "$policy" || return 1
  fi
  quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 update &&
    quietly as_root env DEBIAN_FRONTEND=noninteractive \
      apt-get -qq -y -o DPkg::Lock::Timeout=120 install --no-install-recommends "$@" || status=1
  # Nor at the next boot of a developer's machine.
  if [ -d /run/systemd/system ]; then
    as_root systemctl disable rabbitmq-server redis-server >/dev/null 2>&1 || true
  fi
  [ -z "$ours" ] || as_root rm -f "$policy"
  return "$status"
}

# Shows what a command said only when it failed.
quietly() {
  local log
  log=$(mktemp)
  if "$@" >"$log" 2>&1; then
    rm -f "$log"
  else
    local status=$?
    cat "$log" >&2
    rm -f "$log"
    return "$status"
  fi
}

main
