# One image with both environments of sixgig, from their hashed locks (docs/cluster.md). Not built by anybody yet: linted.
#
#   docker build --tag sixgig .
#   docker run --rm --gpus all --shm-size 2g --user "$(id -u)" --volume "$PWD:/study" sixgig run study.yaml
#   apptainer build sixgig.sif docker-daemon://sixgig:latest
FROM python:3.7-slim-bookworm AS python37

FROM python:3.11-slim-bookworm
# TensorFlow 1 needs Python 3.7, which lies beside the image's own.
COPY --from=python37 /usr/local /opt/python3.7
RUN echo /opt/python3.7/lib > /etc/ld.so.conf.d/python3.7.conf && ldconfig
WORKDIR /opt/sixgig
# The environments first: a change of the code builds none of them again. Whoever needs no contrastive arm in
# TensorFlow 1 leaves out the second: --build-arg TENSORFLOW1=no.
ARG TENSORFLOW1=yes
COPY envs envs
RUN UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never python envs/build.py .venv 3.11 envs/main.txt \
    && if [ "$TENSORFLOW1" != no ]; then \
        PATH="$PATH:/opt/python3.7/bin" UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never \
        python envs/build.py .venv-tf1 3.7 envs/tensorflow1.txt; \
    fi \
    && rm -rf .tools
COPY . .
# Compiled code and caches of any user; no results lie in the image.
ENV PATH="/opt/sixgig/.venv/bin:$PATH" \
    PYTHONPATH=/opt/sixgig \
    HOME=/tmp/home \
    XDG_CACHE_HOME=/tmp/home/cache \
    NUMBA_CACHE_DIR=/tmp/home/numba \
    MPLBACKEND=Agg
WORKDIR /study
ENTRYPOINT ["python", "-m", "sixgig"]
CMD ["--help"]
