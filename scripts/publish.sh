#!/usr/bin/env bash
# Publishes what scripts/release.sh has built. Without --yes it changes nothing and says which commands it would run.
#   REGISTRY=registry.example.org/team scripts/publish.sh image|chart|signatures VERSION [--yes]
# image: for linux/amd64 and linux/arm64, with SBOM and provenance of the build (docker with buildx).
# chart: into the registry, as an OCI artifact (Helm). signatures: of image, chart and checksums, without a key of one's
# own (cosign; in a workflow of GitHub it needs the right id-token: write).
set -euo pipefail
cd "$(dirname "$0")/.."
WHAT=${1:-}
VERSION=${2:-}
NAME=ecs-reinstall-worker
OUT=.cache/release/$VERSION

fail() { printf 'publish: %s\n' "$*" >&2; exit 1; }

[[ $VERSION =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] || fail "\"$VERSION\" is no semantic version (1.2.3 or 1.2.3-rc.1)"
[ -n "${REGISTRY:-}" ] || fail "REGISTRY is missing: registry.example.org/team"
case ${3:-} in
  "") run() { printf 'would run:'; printf ' %q' "$@"; printf '\n'; } ;;
  --yes) run() { "$@"; } ;;
  *) fail "the third argument is --yes or nothing" ;;
esac

digest_of_image() {
  docker buildx imagetools inspect "$REGISTRY/$NAME:$VERSION" --format '{{.Manifest.Digest}}'
}

case $WHAT in
  image)
    if [ "${3:-}" = --yes ]; then
      grep -Eq '^ARG NODE_IMAGE=.+@sha256:' Dockerfile && grep -Eq '^ARG BASE_IMAGE=.+@sha256:' Dockerfile ||
        fail "the base images are not pinned: run scripts/pin-base-images.sh and commit"
      [ -z "$(git status --porcelain)" ] || fail "there are changes that are not committed"
    fi
    run docker buildx build --platform linux/amd64,linux/arm64 --provenance=mode=max --sbom=true \
      --build-arg "VERSION=$VERSION" --build-arg "REVISION=$(git rev-parse HEAD)" \
      --build-arg "CREATED=$(git log -1 --format=%cI)" -t "$REGISTRY/$NAME:$VERSION" --push .
    ;;
  chart)
    [ "${3:-}" != --yes ] || [ -e "$OUT/chart/$NAME-$VERSION.tgz" ] || fail "no chart: run make release VERSION=$VERSION first"
    helm=$(scripts/chart-tools.sh 2>/dev/null | sed -n 's/^helm[34]=//p' | tail -1)
    # Not in the place of the image: both would have one name and one tag.
    run "${helm:-helm}" push "$OUT/chart/$NAME-$VERSION.tgz" "oci://$REGISTRY/charts"
    ;;
  signatures)
    digest=$([ "${3:-}" = --yes ] && digest_of_image || echo sha256:DIGEST)
    run cosign sign --yes "$REGISTRY/$NAME@$digest"
    run cosign attest --yes --type cyclonedx --predicate "$OUT/sbom.cdx.json" "$REGISTRY/$NAME@$digest"
    run cosign sign --yes "$REGISTRY/charts/$NAME:$VERSION"
    run cosign sign-blob --yes --bundle "$OUT/SHA256SUMS.bundle" "$OUT/SHA256SUMS"
    ;;
  *) fail "say what: image, chart or signatures" ;;
esac
