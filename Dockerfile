# The image of streampost: one environment with locked packages, run by a user who owns nothing in it.
FROM python:3.13-slim-bookworm AS build
WORKDIR /src
COPY constraints.txt ./
RUN python -m venv /opt/streampost \
 && /opt/streampost/bin/pip install --no-cache-dir --constraint constraints.txt pip hatchling setuptools
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY streams streams
COPY agents agents
COPY analytics analytics
RUN /opt/streampost/bin/pip install --no-cache-dir --no-build-isolation --constraint constraints.txt .

FROM python:3.13-slim-bookworm
LABEL org.opencontainers.image.title="streampost" org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/streampost /opt/streampost
ENV PATH=/opt/streampost/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# the chart runs it with the same number
USER 10001:10001
WORKDIR /tmp
ENTRYPOINT ["streampost"]
CMD ["--help"]
