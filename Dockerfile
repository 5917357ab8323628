# docker build -t unitwatch .
#
# Build arguments replace both images: NODE_IMAGE needs Node.js 24.12 or newer, npm and glibc;
# DOCKER_CLI_IMAGE needs a static /usr/local/bin/docker. 28 is the last client that supports engines
# older than 25.
ARG NODE_IMAGE=node:24-bookworm-slim
ARG DOCKER_CLI_IMAGE=docker:28-cli

FROM ${DOCKER_CLI_IMAGE} AS docker-cli

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
# --ignore-scripts: the only script among the dependencies downloads Node.js, which the image has.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json bundle.ts ./
COPY src src
RUN npm run build && npm prune --omit=dev --ignore-scripts
ARG REVISION=unknown
RUN node -e 'const p = require("./package.json"); p.gitHead = process.env.REVISION; fs.writeFileSync("package.json", JSON.stringify(p, null, 2))' \
  && mkdir data

FROM ${NODE_IMAGE}
ARG NODE_IMAGE
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="unitwatch" \
  org.opencontainers.image.description="Watches the systemd units inside containers, by events, and turns each change into Prometheus metrics and OpenTelemetry log records" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}" \
  org.opencontainers.image.base.name="${NODE_IMAGE}"

COPY --from=docker-cli /usr/local/bin/docker /usr/local/bin/docker
WORKDIR /app
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
COPY --from=build /build/package.json ./
COPY LICENSE ./
COPY --from=build --chown=1000:1000 /build/data /var/lib/unitwatch

# One malloc arena for all threads, which gives back large blocks, saves 10 MB.
ENV NODE_ENV=production MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=131072 \
  MALLOC_TRIM_THRESHOLD_=131072 MALLOC_TOP_PAD_=16384 UNITWATCH_STORAGE_PATH=/var/lib/unitwatch
# Access to the engine's socket needs its group: --group-add "$(stat -c %g …/docker.sock)".
USER 1000:1000
EXPOSE 10558
ENTRYPOINT ["node", "/app/dist/main.js"]
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["node", "/app/dist/healthcheck.js"]
