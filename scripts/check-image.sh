#!/usr/bin/env bash
# Builds the image, looks into it, and runs it read-only and as nobody against a RabbitMQ, a Redis and a simulated cloud
# of its own. With a Docker engine, or on Debian as root with `apt-get install buildah podman runc mmdebstrap`. Where the
# base image cannot be pulled, a stand-in is made of Debian packages and the npm package of Node.js. Where nothing can
# build an image, the Dockerfile's steps are done in a folder and the built tree is started instead. It says which.
#   scripts/check-image.sh [--tree] [--node 22|24|26] [--save FILE]
# --save: the checked image as an OCI archive; it is refused where a stand-in would be in it.
set -euo pipefail
cd "$(dirname "$0")/.."
ROOT=$PWD
IMAGE=localhost/ecs-reinstall-worker:check
NODE_IMAGE=$(sed -n 's/^ARG NODE_IMAGE=//p' Dockerfile)
BASE_IMAGE=$(sed -n 's/^ARG BASE_IMAGE=//p' Dockerfile)
MODE=""
SAVE=""
while [ $# -gt 0 ]; do
  case $1 in
    --tree) MODE=tree ;;
    --node) NODE_IMAGE=node:${2:?}-trixie-slim; shift ;;
    --save) SAVE=${2:?}; shift ;;
    *) printf 'usage: %s [--tree] [--node 22|24|26] [--save FILE]\n' "$0" >&2; exit 2 ;;
  esac
  shift
done
NODE_MAJOR=$(printf '%s' "$NODE_IMAGE" | sed -E 's/^[^:]*:([0-9]+).*/\1/')

say() { printf 'check-image: %s\n' "$*"; }
fail() { printf 'check-image: %s\n' "$*" >&2; exit 1; }

WORK=$(mktemp -d)
cleanup() {
  # Never those of somebody else.
  if [ -d "$WORK/oci" ]; then
    podman rm -a -f >/dev/null 2>&1 || true
    buildah rm -a >/dev/null 2>&1 || true
    podman rmi -a -f >/dev/null 2>&1 || true
  fi
  rm -rf "$WORK"
}
trap cleanup EXIT

main() {
  [ -d node_modules ] || fail "no node_modules: run scripts/setup.sh first"
  choose_engine
  case $ENGINE in
    tree) build_tree; run --tree "$WORK/tree" ;;
    *) build_image; measure_image; run --engine "$ENGINE" --image "$IMAGE" ;;
  esac
  if [ -n "$SAVE" ]; then save_image; fi
  say "all fine (${ENGINE}${STAND_IN:+, stand-in base})"
}

STAND_IN=""
choose_engine() {
  if [ "$MODE" = tree ]; then
    ENGINE=tree
  elif command -v docker >/dev/null 2>&1 && docker info >/dev/null 2>&1; then
    ENGINE=docker
  elif command -v buildah >/dev/null 2>&1 && command -v podman >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    ENGINE=podman
    own_storage
    provide_base
  else
    ENGINE=tree
    say "no Docker engine and no buildah with podman (as root): no image is built. Its steps are done in a folder, and the built tree is started; the image's user, layers and labels are not checked"
  fi
}

# Nothing of this is seen by, or left to, the machine's own containers.
own_storage() {
  mkdir -p "$WORK/oci"
  cat > "$WORK/oci/storage.conf" <<CONF
[storage]
driver="overlay"
graphroot="$WORK/oci/store"
runroot="$WORK/oci/run"
CONF
  local runtime=crun
  command -v runc >/dev/null 2>&1 && runtime=runc
  cat > "$WORK/oci/containers.conf" <<CONF
[engine]
cgroup_manager="cgroupfs"
events_logger="file"
runtime="$runtime"
[containers]
default_ulimits=["nofile=1024:1024","nproc=1024:1024"]
netns="host"
log_driver="k8s-file"
CONF
  export CONTAINERS_STORAGE_CONF=$WORK/oci/storage.conf CONTAINERS_CONF=$WORK/oci/containers.conf
  export BUILDAH_ISOLATION=chroot
}

provide_base() {
  if timeout 120 buildah pull -q "docker.io/library/$NODE_IMAGE" >/dev/null 2>&1 &&
    timeout 120 buildah pull -q "docker.io/library/$BASE_IMAGE" >/dev/null 2>&1; then
    NODE_IMAGE=docker.io/library/$NODE_IMAGE
    BASE_IMAGE=docker.io/library/$BASE_IMAGE
    return
  fi
  command -v mmdebstrap >/dev/null 2>&1 ||
    fail "$NODE_IMAGE cannot be pulled, and no stand-in can be made without mmdebstrap (apt-get install mmdebstrap)"
  say "$NODE_IMAGE cannot be pulled: stand-ins are made of Debian trixie and the npm package of Node.js $NODE_MAJOR"
  STAND_IN=yes
  local root=$WORK/base node=$WORK/node mirror
  mirror=$(awk '/^URIs:/{print $2; exit}' /etc/apt/sources.list.d/debian.sources 2>/dev/null || true)
  [ -n "$mirror" ] || mirror=$(awk '/^deb /{for (i = 2; i <= NF; i++) if ($i ~ /^http/) {print $i; exit}}' /etc/apt/sources.list)
  mmdebstrap -q --variant=essential --include=libstdc++6 trixie "$WORK/base.tar" "deb $mirror trixie main"
  mkdir -p "$root" && tar -xf "$WORK/base.tar" -C "$root" --exclude='./dev/*' && rm "$WORK/base.tar"
  rm -rf "$root"/var/cache/apt/archives/* "$root"/var/lib/apt/lists/* "$root"/usr/share/doc/*
  stand_in "${BASE_IMAGE%@*}" scratch "$root"
  BASE_IMAGE=localhost/${BASE_IMAGE%@*}
  # In the place of the official image's own layer: node, npm, the user.
  mkdir -p "$node/usr/local/lib/node_modules" "$node/usr/local/bin" "$node/usr/local/etc" "$node/etc/ssl/certs" "$node/home/node"
  cp -L "$(scripts/provide-node.sh "$NODE_MAJOR")/node" "$node/usr/local/bin/node"
  cp -a "$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")" "$node/usr/local/lib/node_modules/npm"
  ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$node/usr/local/bin/npm"
  rm -f "$node/usr/local/lib/node_modules/npm/npmrc"
  cp "$root/etc/passwd" "$root/etc/group" "$node/etc/"
  printf 'node:x:1000:1000::/home/node:/bin/bash\n' >> "$node/etc/passwd"
  printf 'node:x:1000:\n' >> "$node/etc/group"
  # The build's npm trusts what this machine trusts.
  cp /etc/ssl/certs/ca-certificates.crt "$node/etc/ssl/certs/ca-certificates.crt"
  printf 'cafile=/etc/ssl/certs/ca-certificates.crt\n' > "$node/usr/local/etc/npmrc"
  stand_in "${NODE_IMAGE%@*}" "$BASE_IMAGE" "$node"
  NODE_IMAGE=localhost/${NODE_IMAGE%@*}
  rm -rf "$root" "$node"
}

stand_in() { # NAME FROM FOLDER
  local container
  container=$(buildah from --pull-never "$2")
  buildah add -q "$container" "$3" / >/dev/null
  buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --cmd node "$container"
  buildah commit -q --rm "$container" "localhost/$1" >/dev/null
}

build_image() {
  printf 'registry=%s\n' "$(npm config get registry 2>/dev/null)" > "$WORK/npmrc"
  local version revision args
  # A release says both: it is not what the folder has.
  version=${VERSION:-$(node -p 'require("./package.json").version')}
  revision=${REVISION:-$(git rev-parse HEAD 2>/dev/null || echo unknown)}
  args=(--build-arg "NODE_IMAGE=$NODE_IMAGE" --build-arg "BASE_IMAGE=$BASE_IMAGE" --build-arg "VERSION=$version" --build-arg "REVISION=$revision"
    --build-arg "CREATED=$(date -u +%Y-%m-%dT%H:%M:%SZ)" --secret "id=npmrc,src=$WORK/npmrc" -t "$IMAGE")
  say "building on $NODE_IMAGE and $BASE_IMAGE"
  local started=$SECONDS
  case $ENGINE in
    docker) DOCKER_BUILDKIT=1 docker build -q "${args[@]}" . >/dev/null ;;
    podman) buildah bud -q --pull-never --network host --format docker "${args[@]}" . >/dev/null ;;
  esac
  say "built in $((SECONDS - started)) s"
}

measure_image() {
  local whole base
  whole=$("$ENGINE" image inspect --format '{{.Size}}' "$IMAGE")
  base=$("$ENGINE" image inspect --format '{{.Size}}' "$BASE_IMAGE")
  say "size: $((whole / 1000000)) MB, of which Debian has $((base / 1000000)) MB: ours, with node, is $(((whole - base) / 1000)) kB"
}

save_image() {
  [ "$ENGINE" != tree ] || { say "not saved: no image was built"; return; }
  [ -z "$STAND_IN" ] || { say "not saved: it stands on a stand-in"; return; }
  mkdir -p "$(dirname "$SAVE")"
  case $ENGINE in
    docker) docker save -o "$SAVE" "$IMAGE" ;;
    podman) buildah push -q "$IMAGE" "oci-archive:$SAVE" ;;
  esac
  say "saved: $SAVE"
}

# The Dockerfile's steps, by hand.
build_tree() {
  local tree=$WORK/tree
  mkdir -p "$tree/scripts"
  cp package.json package-lock.json tsconfig.json tsconfig.build.json tsconfig.client.json "$tree/"
  cp -R src config "$tree/"
  rm -f "$tree"/config/local*
  cp scripts/copy-assets.mjs "$tree/scripts/"
  say "building in a folder"
  (
    cd "$tree"
    npm ci --include=dev --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
    npm run --silent build
    npm prune --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
    find dist node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete
    rm -rf src scripts tsconfig.json tsconfig.build.json package-lock.json node_modules/.package-lock.json
  )
  chmod -R go+rX "$WORK"
  say "size of the tree: $(du -sk "$tree" | cut -f1) kB"
}

run() {
  say "running it against services of its own"
  "$ROOT/node_modules/.bin/tsx" test/chart/run-image.ts "$@" || fail "the built worker does not run as it should, see above"
}

main
