# andon as an image: the command and what it needs, run by a user that owns nothing but its state.
#   docker build -t andon:0.1.0 .
#   docker run --rm andon:0.1.0 demo
FROM python:3.11.14-slim-bookworm AS build

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/andon
ENV PATH=/opt/andon/bin:$PATH
WORKDIR /build
COPY pyproject.toml constraints.txt README.md ./
COPY andon andon
COPY producers producers
COPY stream stream
COPY alerts alerts
COPY models models
RUN pip install -c constraints.txt .

FROM python:3.11.14-slim-bookworm

# The root file system may be read-only: state is below the working directory, compiled functions
# are cached in a folder of their own, and nothing else is written.
ENV PATH=/opt/andon/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    NUMBA_CACHE_DIR=/var/cache/andon
COPY --from=build /opt/andon /opt/andon
RUN groupadd --gid 10001 andon \
    && useradd --uid 10001 --gid andon --no-create-home --shell /usr/sbin/nologin andon \
    && install -d -o andon -g andon /var/lib/andon /var/lib/andon/state /var/cache/andon
USER 10001:10001
WORKDIR /var/lib/andon
# What the detector calculates with is compiled into the image, not inside the first alert.
RUN andon warm-up
ENTRYPOINT ["andon"]
CMD ["--help"]
