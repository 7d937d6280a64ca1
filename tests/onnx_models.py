"""Makes small real ONNX classifiers for tests: a linear model of the mean colour."""

from __future__ import annotations

import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def mean_colour_model(
    path: pathlib.Path,
    weight: np.ndarray,
    bias: np.ndarray,
    shape: tuple = (1, 3, 32, 32),
    softmax: bool = False,
    kind: int = TensorProto.FLOAT,
) -> pathlib.Path:
    """Writes a model: scores = mean of the pixels over the image @ weight + bias.

    Args:
      path: where to write it.
      weight: float [3, classes].
      bias: float [classes].
      shape: of the input, channels first or last; text for a dimension that is free.
      softmax: whether it gives probabilities.
      kind: type of the input.
    """
    axes = [1, 2] if shape[3] == 3 else [2, 3]
    values = {
        "axes": np.array(axes, np.int64),
        "weight": np.asarray(weight, np.float32),
        "bias": np.asarray(bias, np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels", "axes"], ["mean"], keepdims=0),
        helper.make_node("Gemm", ["mean", "weight", "bias"], ["scores"]),
        helper.make_node("Softmax" if softmax else "Identity", ["scores"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes,
        "mean_colour",
        [helper.make_tensor_value_info("image", kind, shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, len(bias)])],
        [numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path
