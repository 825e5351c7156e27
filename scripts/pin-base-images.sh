#!/usr/bin/env bash
# Writes into the Dockerfile, behind each tag of a base image, the digest that the registry has for it now (of the list of
# all platforms). With docker (buildx) or skopeo. Look at the difference, run scripts/check-image.sh, commit.
#   scripts/pin-base-images.sh [--check]
# --check: changes nothing; fails if an image is not pinned, or if its tag has another digest by now.
set -euo pipefail
cd "$(dirname "$0")/.."
CHECK=""
case ${1:-} in
  "") ;;
  --check) CHECK=yes ;;
  *) printf 'usage: %s [--check]\n' "$0" >&2; exit 2 ;;
esac

fail() { printf 'pin-base-images: %s\n' "$*" >&2; exit 1; }

digest_of() { # NAME:TAG
  if command -v skopeo >/dev/null 2>&1; then
    skopeo inspect --raw "docker://docker.io/library/$1" | sha256sum | sed 's/^\([0-9a-f]*\).*/sha256:\1/'
  elif docker buildx version >/dev/null 2>&1; then
    docker buildx imagetools inspect "$1" --format '{{.Manifest.Digest}}'
  else
    fail "neither skopeo nor docker with buildx is here to ask the registry with"
  fi
}

status=0
for name in NODE_IMAGE BASE_IMAGE; do
  pinned=$(sed -n "s/^ARG $name=//p" Dockerfile)
  tag=${pinned%@*}
  digest=$(digest_of "$tag") || fail "the digest of $tag could not be had"
  [[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || fail "this is no digest of $tag: $digest"
  if [ "$pinned" = "$tag@$digest" ]; then
    printf '%s is pinned: %s\n' "$tag" "$digest"
  elif [ -n "$CHECK" ]; then
    printf '%s is %s now; the Dockerfile has %s\n' "$tag" "$digest" "$pinned" >&2
    status=1
  else
    sed -i "s|^ARG $name=.*|ARG $name=$tag@$digest|" Dockerfile
    printf '%s is pinned now: %s\n' "$tag" "$digest"
  fi
done
exit "$status"
