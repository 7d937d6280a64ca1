"""The annotator `fairface`: FairFace (Kärkkäinen and Joo, WACV 2021) through `uniface`.

Needs the extra `[fairface]`. Its weights are fetched by uniface the first time they
are used and kept in its cache; afterwards no network is needed.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.special import softmax

from data_builders.ethnicity.frame_annotator import Judgement
from data_builders.ethnicity.votes import columns_of
from ethnicmer_jax.base.schema import UserError

EXTRA = "pip install 'ethnicmer_jax[fairface]'"
GENDERS = ("male", "female")


class FairFace:
    """`Classifier` over FairFace's seven races, nine age groups and two genders.

    East and Southeast Asian count as Asian, Latino Hispanic and Middle Eastern as
    Others: their probabilities are summed.

    Raises:
      UserError: uniface is not installed, or its weights are neither cached nor
        within reach.
    """

    name = "fairface"
    size = 224
    margin = 0.25  # the padding of FairFace's own training crops

    def __init__(self):
        try:
            from uniface.attribute import fairface
        except ImportError as error:
            raise UserError(f"the annotator fairface needs uniface ({error}): {EXTRA}") from error
        _fetch_weights()
        self._model = fairface.FairFace(providers=["CPUExecutionProvider"])
        self._to_labels = columns_of(fairface.RACE_LABELS)
        self._decades = [decade(group) for group in fairface.AGE_LABELS]

    def judge(self, face: np.ndarray) -> Judgement:
        """See `Classifier.judge`."""
        # uniface takes BGR; its own `predict` gives names only, we need probabilities.
        blob = self._model.preprocess(cv2.cvtColor(face, cv2.COLOR_RGB2BGR))
        race, gender, age = self._model.session.run(
            self._model.output_names, {self._model.input_name: blob}
        )
        return Judgement(
            tuple(map(float, softmax(race[0].astype(np.float64)) @ self._to_labels)),
            self._decades[int(np.argmax(age[0]))],
            GENDERS[int(np.argmax(gender[0]))],
        )


def decade(group: str) -> int:
    """The decade of life in which an age group such as `20-29` or `70+` begins."""
    return int(group.split("-")[0].rstrip("+")) // 10


def _fetch_weights() -> None:
    """Makes sure of the weights, with one try a source: offline this fails at once."""
    from uniface import model_store
    from uniface.constants import FairFaceWeights

    try:
        model_store.verify_model_weights(FairFaceWeights.DEFAULT, timeout=20, max_retries=1)
    except ConnectionError as error:
        raise UserError(
            "FairFace's weights are not cached and cannot be fetched (offline?): run it once "
            f"with a network, or copy fairface.onnx into {model_store.get_cache_dir()}; "
            "--annotator=onnx and --annotator=metadata need no network"
        ) from error
