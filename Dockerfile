# docker build --build-arg VERSION="$(git describe --tags --always --dirty)" --build-arg COMMIT="$(git rev-parse HEAD)" -t llmbot .
# The repository is not in the image's build: without the arguments it calls itself by cmd/llmbot/version.txt.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=
ARG COMMIT=
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION} -X main.commit=${COMMIT}" -o /out/llmbot ./cmd/llmbot \
 && mkdir -m 700 /out/data

# Has the certificates that Slack needs, time zones, and nothing to run besides.
FROM gcr.io/distroless/static-debian12:nonroot
ARG VERSION=
LABEL org.opencontainers.image.title="llmbot" \
      org.opencontainers.image.description="Slack bot for teams that run their own model on vLLM" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=build /out/llmbot /llmbot
# A fresh volume takes its owner and its mode from here. The root file system may be read-only: the bot writes to /data alone.
COPY --from=build --chown=65532:65532 /out/data /data
COPY LICENSE /LICENSE
# Those of everything in the binary; it prints them, too: llmbot version -licenses
COPY cmd/llmbot/licenses.txt /licenses.txt
ENV STATE_DIR=/data
VOLUME /data
USER 65532:65532
# The bot is asked on its loopback whether it is stuck; with OPS_ADDR=off this is always well.
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 CMD ["/llmbot", "check", "-live"]
# OPS_ADDR stays on the loopback of the container unless set: its pages are not for everybody.
ENTRYPOINT ["/llmbot"]
CMD ["serve"]
