# The present LTS of Node.js on the present Debian, by digest: a tag can be given another image at any time. The digests are of the
# lists of all platforms, as of October 2026 (Node.js 24.21.0, Debian 13.7). To refresh them: scripts/pin-base-images.sh (it needs skopeo or
# docker, and the registry), for each release and whenever the bases have fixes. Others of the same kind: --build-arg NODE_IMAGE=node:22-trixie-slim
ARG NODE_IMAGE=node:24-trixie-slim@sha256:173f125896c3b47ddf056734c7ea789d04595a6a08769a8f78e0df642781fb66
ARG BASE_IMAGE=debian:trixie-slim@sha256:a29215f6a35e51e22adffa17f89e9d2ef06214e64a2bad10d765c46aea49f11f

# Only its `node` is taken: it is the one part that differs from platform to platform.
FROM ${NODE_IMAGE} AS node

# On the machine's own platform: what is built is JavaScript, and the same for all. An image for arm64 emulates nothing.
FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS build
WORKDIR /build
ENV NPM_CONFIG_AUDIT=false NPM_CONFIG_FUND=false NPM_CONFIG_LOGLEVEL=error NPM_CONFIG_UPDATE_NOTIFIER=false
# `--build-arg OMIT=optional` leaves OpenTelemetry out: no traces, some MB less.
ARG OMIT=
COPY package.json package-lock.json ./
# The secret is for those behind a registry of their own: --secret id=npmrc,src=$HOME/.npmrc. It stays out of the image.
RUN --mount=type=cache,target=/root/.npm --mount=type=secret,id=npmrc,target=/root/.npmrc \
    npm ci --include=dev --ignore-scripts
COPY tsconfig.json tsconfig.build.json tsconfig.client.json ./
COPY scripts/copy-assets.mjs scripts/
COPY src src
RUN npm run build \
 && chmod 755 dist/cli/ecs-reinstall.js \
 && npm prune --omit=dev ${OMIT:+--omit=$OMIT} --ignore-scripts \
 # What only an editor or a debugger reads.
 && find dist node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete \
 && rm -f node_modules/.package-lock.json \
 # Compiled parts would be of the wrong platform.
 && test -z "$(find node_modules -name '*.node')" \
 && mkdir -p /root-of-image/usr/local/bin \
 && ln -s /app/dist/cli/ecs-reinstall.js /root-of-image/usr/local/bin/ecs-reinstall

FROM ${BASE_IMAGE}
# Nothing is run here, only copied. No package manager of Node.js is in any layer.
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node /etc/passwd /etc/group /etc/
COPY --from=build /root-of-image/ /
WORKDIR /app
# Owned by root: the worker cannot change its own code.
COPY --from=build /build/node_modules node_modules
COPY package.json ./
COPY config config
COPY --from=build /build/dist dist

ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="ecs-reinstall-worker" \
      org.opencontainers.image.description="Consumes reinstall commands from RabbitMQ and reinstalls Huawei Cloud ECS servers (Paris regions) exactly as often as asked" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"

ENV NODE_ENV=production
# The number, not the name: Kubernetes can tell from it that this is not root.
USER 1000:1000
EXPOSE 8080
STOPSIGNAL SIGTERM
# Docker's own check; Kubernetes asks /livez and /readyz itself.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.HTTP_PORT || 8080}/livez`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# node itself is PID 1 and hears SIGTERM: no shell, no npm, no init script of the base image in between.
ENTRYPOINT ["node"]
# MiB for new objects, the same on every machine: V8 would take 1 in a container of 384 MiB, where what a step has in hand is
# then collected again and again, and 64 where there is no limit.
CMD ["--max-semi-space-size=8", "/app/dist/main.js"]
