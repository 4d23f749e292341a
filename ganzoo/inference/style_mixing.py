"""Style mixing (Karras et al. 2019, arXiv:1812.04948, section 3.1): the styles of two seeds in one image."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganzoo.arguments import shortened
from ganzoo.bundle.folder import ONNX, Bundle
from ganzoo.errors import GanzooError
from ganzoo.hub.load_name import message_name
from ganzoo.hub.reference import DEFAULTS, HubOptions
from ganzoo.inference.onnx_runtime import Device
from ganzoo.inference.onnx_session import OnnxSession
from ganzoo.inference.style_graph import StyleGraphs, style_graphs

Inputs = dict[str, NDArray[Any]]


class _Opened(NamedTuple):
    """The cut graph, and a session of each part."""

    graphs: StyleGraphs
    mapping: OnnxSession
    synthesis: OnnxSession


class StyleMixer:
    """Runs the mapping network and the synthesis network of a bundle apart. The graph is cut at the first use.

    Args:
        bundle: the verified bundle.
        file: name of its ONNX file.
        device, threads: as in ``Generator.from_bundle``.
        hub: how to fetch the file, if the bundle is in the Hub's cache without it.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        file: str = ONNX,
        device: Device = "auto",
        threads: int | None = None,
        hub: HubOptions = DEFAULTS,
    ) -> None:
        self._bundle, self._file, self._hub = bundle, file, hub
        self._device: Device = device
        self._threads = threads
        self._opened: _Opened | None = None

    @property
    def heights(self) -> tuple[int, ...]:
        """Heights in pixels of the layers that read the style, the smallest first; empty without a mapping network.

        Raises:
            BundleError: if the graph is damaged, or the style is not found in it.
            HubError: if the graph has to be fetched and cannot be.
        """
        return tuple(self._current().graphs.style_inputs) if self._has_style else ()

    def crossover(self, height: int | None) -> int:
        """The height of the largest layers that keep the coarse style.

        Args:
            height: one of ``heights`` except the last; by default the one in the middle.

        Raises:
            GanzooError: if the model has no styles to mix, or there are no layers of this height.
        """
        name, allowed = message_name(self._bundle), self.heights[:-1]
        if not allowed:
            raise GanzooError(
                f"'{name}' has no styles to mix. Models with a mapping network have them, such as those of the "
                "architecture stylegan2: ganzoo show stylegan2-faces-32"
            )
        if height is None:
            return allowed[len(allowed) // 2]
        if isinstance(height, bool) or height not in allowed:
            listed = ", ".join(map(str, allowed))
            raise GanzooError(
                f"The crossover of '{name}' is a height of its layers: {listed}; received {shortened(height)}."
            )
        return int(height)

    def styles(self, inputs: Inputs) -> NDArray[np.float32]:
        """The styles float32 ``[n, width]`` of a batch: latents, labels and truncation, as the generator's graph."""
        opened = self._current()
        styles: NDArray[np.float32] = opened.mapping.run((opened.graphs.style,), inputs)[0]
        return styles

    def mixed(self, coarse: Inputs, fine: Inputs, *, crossover: int) -> NDArray[np.float32]:
        """The samples of a batch: layers up to the height ``crossover`` have the styles of ``coarse``.

        What reads the latent or the label itself, and not the style, reads those of ``coarse``, too.
        """
        first, second, graphs = self.styles(coarse), self.styles(fine), self._current().graphs
        feed = {name: first if height <= crossover else second for height, name in graphs.style_inputs.items()}
        feed |= {name: coarse[name] for name in graphs.other_inputs}
        samples: NDArray[np.float32] = self._current().synthesis.run(None, feed)[0]
        return samples

    @property
    def _has_style(self) -> bool:
        return self._bundle.config.latent.truncation == "style"

    def _current(self) -> _Opened:
        from ganzoo.resolve import read_or_fetch

        if self._opened is None:  # two threads may both open it, which is slower and does no harm
            graphs = style_graphs(read_or_fetch(self._bundle, self._file, self._hub), self._bundle.config)
            name = message_name(self._bundle)
            sessions = [
                OnnxSession(content, name=f"the {part} network of {name}", device=self._device, threads=self._threads)
                for part, content in (("mapping", graphs.mapping), ("synthesis", graphs.synthesis))
            ]
            self._opened = _Opened(graphs, *sessions)
        return self._opened

    def __getstate__(self) -> dict[str, Any]:
        """For pickle and copy."""
        return {**vars(self), "_hub": self._hub.without_token()}
