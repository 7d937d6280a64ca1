# The program in a container, for CPUs, or for NVIDIA GPUs by a build argument: docs/clusters.md.
FROM python:3.12-slim

ARG EXTRAS=

# The headless OpenCV: the usual wheel wants libGL, which a server has no use for. JAX's CUDA wheels
# bring their own CUDA; the host has the driver.
WORKDIR /app
COPY pyproject.toml setup.py README.md LICENSE ./
COPY ethnicmer_jax ethnicmer_jax
COPY data_builders data_builders
COPY configs configs
RUN python -m pip install --no-cache-dir ".${EXTRAS}" \
    && version="$(python -m pip show opencv-python | sed -n 's/^Version: //p')" \
    && python -m pip uninstall --yes opencv-python opencv-python-headless \
    && python -m pip install --no-cache-dir --no-deps "opencv-python-headless==${version}" \
    && python -c 'import cv2, ethnicmer_jax'

# Runs and databases are written where the command stands; mount what is to stay.
RUN useradd --create-home --uid 1000 me && mkdir --mode=1777 /here && ln -s /app/configs /here/configs
WORKDIR /here
# Beside the runs, so that it outlives the container and any --user may write there.
ENV ETHNICMER_JAX_CACHE=/here/runs/.compiled
USER me
ENTRYPOINT ["python", "-m"]
CMD ["ethnicmer_jax"]
