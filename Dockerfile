# docker build -t mailguard .     (no network but the package index is needed; nothing is compiled)
# How this file was checked, where no container engine could run: docs/decisions/0010-deployment.md

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# First what seldom changes. Every file is checked against its hash; only wheels, so that no compiler is needed.
COPY constraints-build.txt constraints-runtime.txt ./
RUN python -m venv /build \
 && /build/bin/pip install --require-hashes --only-binary :all: -r constraints-build.txt \
 && python -m venv /opt/mailguard \
 && /opt/mailguard/bin/pip install --require-hashes --only-binary :all: -r constraints-runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY mailguard mailguard
COPY rules rules
COPY deploy/mailguard.yaml deploy/people.yaml deploy/
RUN /build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheel . \
 && /opt/mailguard/bin/pip install --no-deps /wheel/*.whl \
 && /opt/mailguard/bin/pip uninstall --yes setuptools pip \
 && /opt/mailguard/bin/python -m compileall -q /opt/mailguard/lib \
 && /opt/mailguard/bin/mailguard version

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="mailguard" \
      org.opencontainers.image.description="An SMTP relay that delays, checks and holds outgoing mail before it is too late" \
      org.opencontainers.image.licenses="Apache-2.0"
# A fixed number, so that a volume keeps its owner from image to image.
RUN groupadd --gid 10025 mailguard \
 && useradd --uid 10025 --gid 10025 --no-create-home --no-log-init --home-dir /var/lib/mailguard --shell /usr/sbin/nologin mailguard \
 && install -d -o mailguard -g mailguard -m 0700 /var/lib/mailguard \
 && install -d -o mailguard -g mailguard -m 0750 /run/mailguard /etc/mailguard
COPY --from=build /opt/mailguard /opt/mailguard
ENV PATH=/opt/mailguard/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10025:10025
WORKDIR /var/lib/mailguard
VOLUME ["/var/lib/mailguard"]
EXPOSE 465 587 2525 8025 9325
# SIGTERM drains: what is being received or sent is finished first.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 CMD ["mailguard", "healthcheck"]
ENTRYPOINT ["mailguard"]
CMD ["serve"]
