# ep-sam for clusters: command line, workers, viewer. Build in a clone: docker build -t ep-sam .
FROM node:22-bookworm-slim AS package
WORKDIR /source
COPY . .
RUN npm ci && npm run build && npm pack --pack-destination /tmp

FROM node:22-bookworm-slim
ENV NODE_ENV=production EPSAM_CACHE_DIR=/cache
WORKDIR /opt/ep-sam
# Scripts of packages are not run: nothing is compiled, nothing but the registry is asked.
COPY --from=package /tmp/ep-sam-*.tgz /tmp/
RUN npm install --ignore-scripts --no-audit --no-fund /tmp/ep-sam-*.tgz bullmq@6 ioredis@5 \
  && ln -s /opt/ep-sam/node_modules/.bin/epsam /usr/local/bin/epsam \
  && rm /tmp/ep-sam-*.tgz \
  && npm cache clean --force \
  && mkdir -p /cache /data && chown node:node /cache /data
USER 1000
WORKDIR /data
VOLUME ["/data", "/cache"]
ENTRYPOINT ["epsam"]
CMD ["--help"]
