# What draws files (docs/rendering.md), put after the base of the Dockerfile beside this for the image that renders.
RUN if ! command -v soffice >/dev/null || ! command -v ffmpeg >/dev/null || ! command -v chromium >/dev/null; then \
      apt-get update && \
      DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        chromium ffmpeg fonts-crosextra-caladea fonts-crosextra-carlito libreoffice-calc-nogui \
        libreoffice-draw-nogui libreoffice-impress-nogui libreoffice-writer-nogui && \
      rm -rf /var/lib/apt/lists/*; \
    fi
