"""Layers that exist for training and must not be in what a stock detector loads."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor, nn


class _StateDict(Protocol):
    """What ``nn.Module.state_dict`` fills; torch's own annotation, a dict, leaves the metadata out."""

    _metadata: dict[str, dict[str, Any]]


class TrainingOnlyLinear(nn.Linear):
    """A linear layer whose parameters are no entries of the state dict, yet are saved and resumed with it.

    Optimizers, data-parallel wrappers and averages of the model see an ordinary layer. In a state dict its
    parameters lie in the metadata that torch keeps there for every module (``state_dict._metadata``, where
    batch norm has its version): checkpoints carry them, a resumed run gets them back, and a model without
    this layer loads the same file strictly. So it needs neither a hook nor a converted checkpoint.

    A state dict without them, such as that of a stock detector to be fine-tuned, leaves the layer as it is
    and is not missing anything.

    It starts from zeros, which suits a softmax classifier, whose loss is convex, and costs no draw of the
    random generator: the other layers start as they do without it.

    Args:
        in_features: Number of channels.
        out_features: Number of classes.
    """

    def reset_parameters(self) -> None:
        """Zeros."""
        nn.init.zeros_(self.weight)
        nn.init.zeros_(self.bias)

    def _save_to_state_dict(self, destination: _StateDict, prefix: str, keep_vars: bool) -> None:
        # torch has just made the entry, and mmengine copies it as it is: on the CPU, so that whoever loads
        # the file needs no device for it. A layer without memory has nothing to copy.
        values = {name: parameter.detach() for name, parameter in self.named_parameters()}
        destination._metadata[prefix[:-1]].update(
            {name: value if value.is_meta else value.cpu() for name, value in values.items()}
        )

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Tensor],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        names = [name for name, _ in self.named_parameters() if name in local_metadata]
        super()._load_from_state_dict(
            {prefix + name: local_metadata[name] for name in names},
            prefix,
            local_metadata,
            strict,
            [],  # nothing is missing where they are not
            unexpected_keys,
            error_msgs,
        )
