#!/usr/bin/env bash
# Provides one line of Node.js, and says in which folder its `node` is. From npm's own binary packages, at the version and
# with the checksums of scripts/node/<line>/package-lock.json, into .cache. Needs any npm. Linux with glibc, x64 or arm64.
#   scripts/provide-node.sh 22|24|26
set -euo pipefail
cd "$(dirname "$0")/.."
LINE=${1:-}
LOCKED=scripts/node/$LINE
PLACE=.cache/node-$LINE

fail() { printf 'provide-node: %s\n' "$*" >&2; exit 1; }

[ -n "$LINE" ] && [ -e "$LOCKED/package-lock.json" ] || fail "name one of these lines: $(ls scripts/node | xargs)"

if ! cmp -s "$LOCKED/package-lock.json" "$PLACE/package-lock.json" || ! [ -x "$PLACE/bin/node" ]; then
  command -v npm >/dev/null 2>&1 || fail "npm is needed to fetch Node.js $LINE"
  global=$(npm config get globalconfig)
  mkdir -p .cache
  draft=$(mktemp -d ".cache/node-$LINE.XXXXXX")
  trap 'rm -rf "$draft"' EXIT
  # Tests start it as other users, too.
  chmod 755 "$draft"
  cp "$LOCKED/package.json" "$LOCKED/package-lock.json" "$draft/"
  (cd "$draft" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2) || fail "npm could not fetch Node.js $LINE, see above"
  # Links of our own: not every npm makes them for such a package.
  mkdir "$draft/bin"
  for program in node-linux-*/bin/node npm/bin/npm-cli.js npm/bin/npx-cli.js; do
    file=$(cd "$draft/node_modules" && ls $program 2>/dev/null) || continue
    program=$(basename "${file%-cli.js}")
    ln -s "../node_modules/$file" "$draft/bin/$program"
  done
  [ -x "$draft/bin/node" ] || fail "npm has no Node.js $LINE for $(uname -sm): install one yourself, https://nodejs.org"
  "$draft/bin/node" --version >/dev/null || fail "this machine cannot run Node.js $LINE from npm (it needs glibc): install one yourself"
  # An npm looks for its settings beside its own Node.js: this one is to see those of the machine.
  if [ -d "$draft/node_modules/npm" ]; then printf 'globalconfig=%s\n' "$global" >"$draft/node_modules/npm/npmrc"; fi
  # By renaming: another run may be doing the same, and a program that runs keeps its files.
  old=$(mktemp -d ".cache/node-old.XXXXXX")
  if [ -e "$PLACE" ]; then mv -T "$PLACE" "$old/was" || true; fi
  mv -T "$draft" "$PLACE" 2>/dev/null || [ -x "$PLACE/bin/node" ] || fail "$PLACE could not be made"
  rm -rf "$old"
fi
printf '%s/%s/bin\n' "$PWD" "$PLACE"
