#!/usr/bin/env bash
# Builds everything that a release consists of into .cache/release/VERSION, from the commit that is checked out, and
# publishes nothing: the npm tarball, the chart, the SBOM (CycloneDX), the licences, the notes, the image where one can be
# built, and the checksums of all. docs/releasing.md says what follows: tests, provenance, signatures, publishing.
#   scripts/release.sh VERSION
set -euo pipefail
cd "$(dirname "$0")/.."
VERSION=${1:-}
NAME=ecs-reinstall-worker
ROOT=$PWD
OUT=$PWD/.cache/release/$VERSION

say() { printf 'release: %s\n' "$*"; }
fail() { printf 'release: %s\n' "$*" >&2; exit 1; }

[[ $VERSION =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] || fail "VERSION=\"$VERSION\" is no semantic version (1.2.3 or 1.2.3-rc.1)"
[ -d node_modules ] || fail "no node_modules: run scripts/setup.sh first"

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
# The commit, not the folder: what was not committed is in no release.
TREE=$WORK/tree
mkdir -p "$TREE"
git archive HEAD | tar -x -C "$TREE"
[ -z "$(git status --porcelain)" ] || say "what is not committed here is left out"
REVISION=$(git rev-parse HEAD)
# All times in the files are the commit's: the same commit gives the same bytes.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH

main() {
  # Folders: npm's tarball and the chart have one name.
  rm -rf "$OUT" && mkdir -p "$OUT/npm" "$OUT/chart"
  cd "$TREE"
  quietly npm version "$VERSION" --no-git-tag-version --allow-same-version
  say "building $VERSION from ${REVISION:0:12}"
  quietly npm ci --include=dev --ignore-scripts --no-audit --no-fund --loglevel=error
  quietly npm run build
  package
  chart
  notes
  cd "$ROOT"
  image
  cd "$OUT"
  find . -type f ! -name SHA256SUMS -printf '%P\n' | LC_ALL=C sort | xargs sha256sum >"$WORK/sums"
  mv "$WORK/sums" SHA256SUMS
  say "in $OUT:"
  find . -type f -printf '%s %P\n' | LC_ALL=C sort -k2 | awk '{printf "release:   %9d bytes  %s\n", $1, $2}'
}

package() {
  chmod 755 dist/cli/ecs-reinstall.js
  npm pack --silent --ignore-scripts --pack-destination "$OUT/npm" >/dev/null
  npm sbom --sbom-format cyclonedx --sbom-type application --omit dev >"$OUT/sbom.cdx.json"
  node scripts/list-licences.mjs >"$OUT/LICENCES.txt" || fail "a licence must be looked at, see above"
  cp LICENSE "$OUT/"
}

chart() {
  local helm
  helm=$("$ROOT/scripts/chart-tools.sh" 2>"$WORK/log" | sed -n 's/^helm[34]=//p' | tail -1)
  if [ -z "$helm" ]; then cat "$WORK/log" >&2; fail "no Helm to package the chart with"; fi
  quietly "$helm" package helm/ecs-reinstall-worker --version "$VERSION" --app-version "$VERSION" --destination "$OUT/chart"
}

notes() {
  # The section of this version, or else what is not released yet.
  awk -v version="$VERSION" '
    /^## / { inside = ($2 == version || ($2 == "Unreleased" && !found)); if ($2 == version) found = 1; next }
    inside { print }
  ' CHANGELOG.md >"$OUT/NOTES.md"
}

image() {
  say "the image: scripts/check-image.sh builds, looks into and runs it"
  REVISION=$REVISION VERSION=$VERSION scripts/check-image.sh --save "$OUT/image/$NAME-$VERSION.oci.tar" | sed 's/^/release:   /'
}

quietly() {
  "$@" >"$WORK/log" 2>&1 || { cat "$WORK/log" >&2; fail "this failed: $*"; }
}

main
