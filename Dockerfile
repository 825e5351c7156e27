# Any Debian-based Node.js image from 20.19 on: --build-arg NODE_IMAGE=node:22-bookworm-slim
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
ENV NPM_CONFIG_AUDIT=false NPM_CONFIG_FUND=false NPM_CONFIG_LOGLEVEL=error NPM_CONFIG_UPDATE_NOTIFIER=false
COPY package.json package-lock.json ./
# The secret is for those behind a registry of their own: --secret id=npmrc,src=$HOME/.npmrc. It stays out of the image.
RUN --mount=type=cache,target=/root/.npm --mount=type=secret,id=npmrc,target=/root/.npmrc \
    npm ci --include=dev --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/copy-assets.mjs scripts/
COPY src src
RUN npm run build \
 && chmod 755 dist/cli/ecs-reinstall.js \
 && npm prune --omit=dev --ignore-scripts \
 # What only an editor or a debugger reads.
 && find dist node_modules -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete \
 && rm -f node_modules/.package-lock.json

FROM ${NODE_IMAGE}
# A package manager has no business in a running container.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack \
      /usr/local/bin/yarn /usr/local/bin/yarnpkg /opt/yarn* \
 && ln -s /app/dist/cli/ecs-reinstall.js /usr/local/bin/ecs-reinstall
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
      org.opencontainers.image.description="Consumes commands from RabbitMQ and reinstalls Huawei Cloud ECS servers" \
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
CMD ["/app/dist/main.js"]
