# For those who have no Python or Node: `dev` is what `make dev` does, `test` is `make test`. compose.yaml runs both.

FROM node:24-bookworm-slim AS node

FROM python:3.13-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1
RUN useradd --create-home --uid 10001 app && install --directory --owner app --mode 700 /app /state
WORKDIR /app

FROM base AS dev
USER 10001
COPY --chown=app tools/requirements/local.txt tools/requirements/local.txt
RUN python -m venv .venv && \
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tools/requirements/local.txt
COPY --chown=app openapi openapi
COPY --chown=app migrations migrations
COPY --chown=app tools tools
COPY --chown=app src src
# 0.0.0.0 is the container's own network: compose.yaml publishes the port on the host's 127.0.0.1 alone.
ENV HOST=0.0.0.0 PORT=8787 STATE=/state PYTHONPATH=src:tools
VOLUME /state
EXPOSE 8787
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD [".venv/bin/python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health', timeout=4)"]
CMD [".venv/bin/python", "tools/dev.py"]

FROM base AS test
# Debian keeps one version of a package a release and takes the last away: a pin would only break the build one day.
# hadolint ignore=DL3008
RUN apt-get update && \
    apt-get install --yes --no-install-recommends make chromium bubblewrap && \
    rm -rf /var/lib/apt/lists/*
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node /usr/local/lib/node_modules/npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
USER 10001
COPY --chown=app Makefile package.json package-lock.json ./
COPY --chown=app tools/requirements tools/requirements
RUN make .venv/.dev node_modules/.installed
COPY --chown=app tools/pyedge/vendor.py tools/pyedge/vendor.py
RUN make build/.vendored
COPY --chown=app . .
# It answers nothing: there is nothing to ask for its health.
HEALTHCHECK NONE
CMD ["make", "test"]
