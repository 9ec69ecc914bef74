# One image for all of it: webserver, daemon, code server, upgrades, and the runs that Kubernetes launches.
# Built from the root of the project: docker build -t ghost-pipeline .
FROM python:3.11-slim AS build
WORKDIR /build
RUN python -m venv /opt/venv
COPY constraints.txt pyproject.toml setup.py README.md ./
COPY ghost_pipeline ghost_pipeline
RUN /opt/venv/bin/pip install --no-cache-dir --constraint constraints.txt '.[k8s]'

FROM python:3.11-slim
RUN groupadd --gid 10001 ghost \
    && useradd --uid 10001 --gid ghost --no-create-home --home-dir /tmp --shell /usr/sbin/nologin ghost \
    && install -d -o ghost -g ghost /var/lib/ghost
COPY --from=build /opt/venv /opt/venv
COPY deploy/dagster-postgres.yaml /opt/ghost/dagster/dagster.yaml
COPY deploy/workspace-grpc.yaml /opt/ghost/workspace.yaml
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DAGSTER_HOME=/opt/ghost/dagster \
    GHOST_HOME=/var/lib/ghost \
    GHOST_MODELS_DIR=/models
WORKDIR /opt/ghost
# By number, so that Kubernetes can see that it is not root.
USER 10001:10001
CMD ["ghost-pipeline", "--help"]
