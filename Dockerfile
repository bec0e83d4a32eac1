# The server in a container. It drives the Docker Engine of its host through the mounted socket and keeps its data
# in /var/lib/vapiorc; docker-compose.yml shows how it is run.
ARG NODE_IMAGE=node:24.21.0-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci
COPY prisma.config.ts tsconfig.json tsconfig.build.json ./
COPY tools ./tools
COPY prisma ./prisma
COPY src ./src
RUN npm run build && npm prune --omit=dev

FROM ${NODE_IMAGE}
WORKDIR /app
ENV NODE_ENV=production VAPIORC_STORAGE_PATH=/var/lib/vapiorc
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY prisma ./prisma
COPY oem ./oem
VOLUME /var/lib/vapiorc
EXPOSE 8000
STOPSIGNAL SIGTERM
# Degraded is healthy: the server itself answers, and says what else is missing.
HEALTHCHECK --interval=10s --timeout=8s --start-period=60s \
  CMD ["node", "-e", "const { VAPIORC_HOST: host = '', VAPIORC_PORT: port } = process.env; fetch(`http://${host.includes(':') ? `[${host}]` : host || '127.0.0.1'}:${port || 8000}/health`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/main.js"]
