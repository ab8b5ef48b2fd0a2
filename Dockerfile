# rtstyle for the CPU, without a window. Unproven until it is built: no Docker daemon was available.
#
#   docker build -t rtstyle .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/work" rtstyle video in.mp4 out.mp4 --style wave
FROM python:3.12-slim AS build
COPY . /source
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels /source

FROM python:3.12-slim
# what OpenCV's wheel links against
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir /wheels/*.whl && rm -r /wheels
# whoever runs it may keep compiled nets and own styles
RUN mkdir -m 1777 /cache /styles
USER 1000
ENV RTSTYLE_CACHE=/cache RTSTYLE_HOME=/styles
VOLUME ["/cache", "/styles"]
WORKDIR /work
ENTRYPOINT ["rtstyle"]
CMD ["--help"]
