# Three images: `app` (web, worker, clock), `nginx`, which renders the same template as the local stack does, and
# `registry`, Distribution with our settings. All run as the same user, so that they can share the blob store.
FROM node:22-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev

FROM python:3.11-slim AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN useradd --system --uid 10001 --user-group --create-home --home-dir /data roadstead
WORKDIR /app
COPY requirements.txt .
RUN pip install --require-hashes -r requirements.txt
COPY . .

# What the pages load. No secret is used, and the settings want one.
FROM base AS static
COPY --from=packages /app/node_modules node_modules
RUN ROADSTEAD_SECRET_KEY=none ROADSTEAD_STATIC=/static python manage.py collectstatic --noinput

FROM base AS app
ENV ROADSTEAD_STATIC=/static
COPY --from=static /static /static
# A new volume takes over owner and mode of the directory that it is mounted on.
RUN mkdir -p /spool /store && chown roadstead:roadstead /spool /store /data && chmod 700 /spool /data
ENV ROADSTEAD_HOME=/data ROADSTEAD_SPOOL=/spool
USER roadstead
EXPOSE 8000
CMD ["python", "-m", "deploy.container", "web"]

FROM app AS nginx
USER root
RUN apt-get update -q && apt-get install -q -y --no-install-recommends nginx && rm -rf /var/lib/apt/lists/*
RUN mkdir -p /cache && chown roadstead:roadstead /cache && chmod 700 /cache
USER roadstead
EXPOSE 8080
CMD ["python", "-m", "deploy.container", "nginx"]

FROM registry:2.8.2 AS registry
RUN mkdir -p /store && chown 10001:10001 /store
COPY deploy/registry.yml /etc/roadstead/registry.yml
ENV REGISTRY_HTTP_ADDR=:5000 GOGC=off GOMEMLIMIT=512MiB
USER 10001
CMD ["/etc/roadstead/registry.yml"]
