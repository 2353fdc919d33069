# The same base twice: the virtual environment points at the interpreter it was made with.
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
# With LOCK=requirements-otel.lock the image can send traces.
ARG LOCK=requirements.lock
COPY ${LOCK} /requirements.lock
# Without pip inside; wheels only, so no compiler is needed or left behind.
RUN python -m venv --without-pip /venv \
    && python -m pip --python /venv/bin/python install --no-cache-dir --disable-pip-version-check \
        --no-compile --only-binary :all: --require-hashes --no-deps --requirement /requirements.lock
COPY bot /app/bot
# Whatever becomes of the files' times: some builders round them, and what seems older than its
# source would be compiled anew at every start, by a user who can't keep the result.
RUN /venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /venv/lib /app/bot

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="vco-route-bot" \
      org.opencontainers.image.description="Delete a route of an Alibaba Cloud IPsec-VPN connection from Slack" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
# HOME: where the vendor's credential chain looks for its files; mount them under /app/.alibabacloud.
ENV PATH="/venv/bin:$PATH" \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/app \
    HOST=0.0.0.0 \
    PORT=3000
USER 10001:10001
EXPOSE 3000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.build_opener(u.ProxyHandler({})).open('http://127.0.0.1:' + os.environ['PORT'] + '/healthz', timeout=4)"]
ENTRYPOINT ["python", "-m", "bot"]
