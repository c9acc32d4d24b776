# One image for every worker: `hikeshi run` by default, `hikeshi worker stream` and so on as its arguments.
FROM python:3.11-slim AS packages
WORKDIR /opt/hikeshi
RUN python -m venv .venv
COPY requirements.lock .
RUN .venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY . .
# In place, as in a checkout: migrations and data files are read from the folder that the program runs from.
RUN .venv/bin/pip install --no-cache-dir --no-build-isolation --no-deps -e . \
 && .venv/bin/python -m compileall -q schemas config workers

FROM python:3.11-slim
RUN groupadd --gid 10001 hikeshi && useradd --uid 10001 --gid hikeshi --no-create-home --home-dir /var/lib/hikeshi hikeshi \
 && install -d -o hikeshi -g hikeshi /var/lib/hikeshi && install -d /etc/hikeshi
COPY --from=packages /opt/hikeshi /opt/hikeshi
ENV PATH=/opt/hikeshi/.venv/bin:$PATH PYTHONUNBUFFERED=1 \
    HIKESHI_CONFIG=/etc/hikeshi HIKESHI_DATA=/var/lib/hikeshi HIKESHI_LOG__FORMAT=json \
    HIKESHI_METRICS__HOST=0.0.0.0 HIKESHI_METRICS__PORT=8643
WORKDIR /var/lib/hikeshi
USER hikeshi
EXPOSE 8643
# /healthz: alive and moving. A worker that waits for Kafka or the store is healthy; /readyz says that it waits.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=2s --retries=3 \
  CMD ["python", "-I", "-S", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8643, timeout=4); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["hikeshi"]
CMD ["run"]
