# The hotline: web, worker and set-up are this one image with three commands. docker-compose.yml puts them together.
FROM python:3.11-slim-bookworm AS built

COPY requirements/ /tmp/requirements/
RUN python -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir --require-hashes -r /tmp/requirements/uv.txt
RUN python -m venv --without-pip /opt/train \
 && /opt/uv/bin/uv pip install --no-cache --python /opt/train/bin/python --require-hashes \
      -r /tmp/requirements/run.txt -r /tmp/requirements/train.txt
RUN python -m venv --without-pip /opt/hotline \
 && /opt/uv/bin/uv pip install --no-cache --python /opt/hotline/bin/python --require-hashes --compile-bytecode \
      -r /tmp/requirements/run.txt

WORKDIR /app
COPY . .
# The embedded interpreter is trained here, so that the running image holds no scikit-learn and is ready at once.
RUN HOTLINE_VAR=/tmp/var HOTLINE_MODEL=/app/model /opt/train/bin/python -c "from hotline.cli import main; main()" train
RUN /opt/uv/bin/uv pip install --no-cache --python /opt/hotline/bin/python --no-deps --no-build-isolation -e /app

FROM python:3.11-slim-bookworm
ENV PATH=/opt/hotline/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PYTHONUTF8=1 \
    HOTLINE_VAR=/data HOTLINE_MODEL=/app/model HOTLINE_HOST=0.0.0.0
RUN useradd --system --uid 10001 --no-create-home hotline && install -d -o hotline -g hotline -m 0700 /data
COPY --from=built /opt/hotline /opt/hotline
COPY --from=built /app /app
USER hotline
WORKDIR /app
VOLUME /data
EXPOSE 8000
CMD ["hotline", "serve"]
