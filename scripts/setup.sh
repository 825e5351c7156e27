#!/usr/bin/env bash
# Makes this checkout ready to run: Node.js packages, RabbitMQ and Redis. May be repeated; says little when all is there.
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
  check_node
  install_node_packages
  provide_services
  say "ready"
}

check_node() {
  command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 ||
    fail "Node.js 20.19 or newer with npm is needed and was not found: install it from https://nodejs.org"
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
    fail "Node.js 20.19 or newer is needed, this is $(node --version): install a newer one from https://nodejs.org"
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

# The same places as test/support/backend.ts looks in.
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
