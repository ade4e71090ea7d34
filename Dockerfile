# The publisher as an image: built in the first stage, in the second only what it needs to run.
#
#   docker build -t isekai-publisher .
#   docker run --read-only --cap-drop=ALL --security-opt=no-new-privileges --stop-timeout=40 \
#           --env-file=.env -p 127.0.0.1:5000:5000 isekai-publisher
#
# Not root, no shell and nothing to write to is needed: it runs on a read-only root file system. --stop-timeout has to
# be longer than PUBLISHER_DRAIN_TIMEOUT_MS (30 s), or jobs in hand are cut off (and tried again by others).
# BASE pins more than the suite, where that is wanted: --build-arg BASE=debian@sha256:...
# scripts/image-check.sh runs the steps below and examines the outcome, without Docker.
ARG BASE=debian:trixie-slim

FROM ${BASE} AS build
WORKDIR /src
COPY scripts/install-deps.sh scripts/
RUN scripts/install-deps.sh build
COPY . .
# A release's programs, less their debugging symbols.
RUN make WERROR=0 -j"$(nproc)" build/isekai-publisher build/isekai-healthcheck && \
    install -D -s -t /out/usr/local/bin build/isekai-publisher build/isekai-healthcheck

FROM ${BASE}
LABEL org.opencontainers.image.title="isekai-publisher" \
      org.opencontainers.image.description="Publishes scheduled posts to DeviantArt"
# The libraries that the programs are linked with, and the authorities by which DeviantArt, the storage and a rediss://
# server are checked.
RUN apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        libhiredis1.1.0 libpq5 libcurl4t64 libevent-core-2.1-7t64 libcjson1 libinih1 libssl3t64 ca-certificates && \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/apt /var/log/dpkg.log && \
    groupadd --gid 65532 publisher && \
    useradd --uid 65532 --gid 65532 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin publisher
COPY --from=build /out/ /
# As numbers: a cluster that asks for runAsNonRoot must see that it is not 0.
USER 65532:65532
EXPOSE 5000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["/usr/local/bin/isekai-healthcheck"]
ENTRYPOINT ["/usr/local/bin/isekai-publisher"]
