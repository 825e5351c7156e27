#!/usr/bin/env bash
# What must hold on each supported line of Node.js, on the built dist of this checkout: the unit tests, the contract tests
# in memory, some seeds of the simulation; and a worker on a real RabbitMQ and Redis that reinstalls a simulated server
# without one warning of Node's. Brings the lines itself. About a minute a line.
#   scripts/node-matrix.sh [--only-dist] [22] [24] [26]
set -euo pipefail
cd "$(dirname "$0")/.."
SEEDS=60
ONLY_DIST=""
LINES=()
for argument in "$@"; do
  case $argument in
    --only-dist) ONLY_DIST=yes ;;
    [0-9][0-9]) LINES+=("$argument") ;;
    *) printf 'usage: %s [--only-dist] [22] [24] [26]\n' "$0" >&2; exit 2 ;;
  esac
done
[ ${#LINES[@]} -gt 0 ] || mapfile -t LINES < <(ls scripts/node)

say() { printf 'node-matrix: %s\n' "$*"; }

[ -e dist/main.js ] || { say "no dist: run make setup and npm run build first" >&2; exit 1; }
for line in "${LINES[@]}"; do
  bin=$(scripts/provide-node.sh "$line")
  started=$SECONDS
  say "Node.js $("$bin/node" --version)"
  (
    export PATH=$bin:$PATH
    node --throw-deprecation dist/cli/ecs-reinstall.js --version >/dev/null
    node --import tsx test/chart/run-image.ts --tree . --as-me
    if [ -z "$ONLY_DIST" ]; then
      node scripts/test.mjs --config vitest.fast.config.ts --reporter=dot
      node --import tsx test/simulation/main.ts --seeds "$SEEDS" --all
    fi
  )
  say "Node.js $line: fine, $((SECONDS - started)) s"
done
