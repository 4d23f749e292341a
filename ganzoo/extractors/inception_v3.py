"""InceptionV3 from keras.applications: 2048 features and the 1000 classes of ImageNet. Needs TensorFlow."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ganzoo.data.reading.resize import resized_array
from ganzoo.environment.process_settings import own_settings
from ganzoo.environment.requirements import TRAINING, require
from ganzoo.environment.tensorflow import import_tensorflow
from ganzoo.errors import EvaluationError, reason
from ganzoo.extractors.base import Extracted, Extractor, LoadedExtractor, adaptation_note, extractors
from ganzoo.sample_spec import SampleSpec

SIDE = 299


@extractors.register("inception_v3")
class InceptionV3(Extractor):
    """InceptionV3 at 299 px (Szegedy et al. 2016, arXiv:1512.00567), the extractor of FID and KID.

    Keras downloads the weights (96 MB) once. They differ from the 2015 graph that the original FID uses. The numbers
    can be compared with each other, and only roughly with those of papers.
    """

    batch_size: ClassVar[int] = 32
    packages: ClassVar[tuple[str, ...]] = TRAINING
    real_limit: ClassVar[int] = 5_000

    def load(self, spec: SampleSpec) -> LoadedExtractor:
        self.require_images(spec)
        require(TRAINING, action="The extractor 'inception_v3'")
        import_tensorflow()
        model = _network()

        @own_settings()
        def extract(samples: NDArray[Any]) -> Extracted:
            large = resized_array(samples, (SIDE, SIDE), 3, "area", crop="stretch").astype(np.float32)
            large = large / np.float32(127.5) - np.float32(1)
            features, probabilities = model.predict_on_batch(large)
            return np.asarray(features, np.float32), np.asarray(probabilities, np.float32)

        digest = hashlib.sha256()
        for weight in model.get_weights():
            digest.update(np.ascontiguousarray(weight).tobytes())
        return LoadedExtractor(
            extract,
            self.registered_name,
            resize=f"bilinear to enlarge, area to shrink, to {SIDE} x {SIDE} px{adaptation_note(spec)}",
            sha256=digest.hexdigest(),
            has_probabilities=True,
            canonical=True,
            notes={"weights": "keras.applications, imagenet"},
        )


@own_settings()
def _network() -> Any:
    """Image ``[b, 299, 299, 3]`` in [-1, 1] -> features ``[b, 2048]`` and probabilities ``[b, 1000]``."""
    import keras

    try:
        whole = keras.applications.InceptionV3(weights="imagenet")
    except Exception as error:  # Keras raises a bare Exception if a download fails
        raise EvaluationError(
            f"Keras cannot download the weights of InceptionV3: {reason(error)}. "
            "To work offline, choose another extractor, for example --extractor pixels"
        ) from error
    return keras.Model(whole.input, [whole.get_layer("avg_pool").output, whole.output])
