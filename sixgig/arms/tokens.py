"""The feature rule that the arms of vision transformers share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sixgig.weights.tokens import token_features

if TYPE_CHECKING:
    from torch import nn


class TokenFeatures:
    """What the arms of ViTs share: features are tokens after the last LayerNorm."""

    def features_of(self, network: nn.Module, batch: Any, options: Mapping[str, Any]) -> Any:
        """Return token features [n, d]; see :func:`token_features`."""
        tokens = network.forward_features(batch)  # type: ignore[operator]
        return token_features(tokens, int(network.num_prefix_tokens), options["token"])  # type: ignore[arg-type]
