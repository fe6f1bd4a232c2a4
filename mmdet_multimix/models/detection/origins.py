"""From which image, and which place in it, each row comes that a one-stage head gives its loss.

Only ``within_image`` and pictures ask. Each head flattens its scores in its own way, so before it computes
its losses they get a tag, the number of their place in the mini-batch, which has to take part in every
``permute``, ``reshape``, ``cat`` and indexing. The tangent of forward-mode differentiation does: torch moves
it along with each number. It is read, and taken off, when the logits arrive at ``loss_cls``. Nothing else
looks at it, so that losses and gradients are the same to the bit. ``docs/origins.md`` says what else was
considered, and what to rely on.

Shape letters: b examples, c logits of an example.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.autograd.forward_ad as fwAD
from torch import Tensor

NEIGHBOURHOOD = 4  # side of what is shown of a position, in strides, as wide as the smallest anchors


class Origins:
    """Follows the scores of a head through all its reshaping; see above.

    Use inside ``torch.autograd.forward_ad.dual_level()``, and give the head ``tagged``.

    Args:
        scores: Of all levels, ``(images, k, h, w)`` each; or, of DETR's kin, ``(layers, images, queries,
            c)``.
        boxes: Whether to find places as well, or images only.
        shape: Height and width of the images in the mini-batch, in pixels; for places.
        queries: ``(images, queries, 4)``, their boxes as centre and size in fractions of the image; for
            places.

    Raises:
        ValueError: Scores of other shapes.
    """

    def __init__(
        self,
        scores: Tensor | Sequence[Tensor],
        *,
        boxes: bool = False,
        shape: tuple[int, int] = (1, 1),
        queries: Tensor | None = None,
    ) -> None:
        maps = [scores] if isinstance(scores, Tensor) else list(scores)
        if not maps or any(not isinstance(x, Tensor) or x.dim() != 4 for x in maps):
            raise ValueError('scores must be maps (images, k, h, w), or (layers, images, queries, c) of DETR')
        self.boxes = boxes
        # A half type cannot count the positions: then a place is the whole image.
        exact = boxes and maps[0].dtype in (torch.float32, torch.float64)
        device = maps[0].device
        if isinstance(scores, Tensor):
            images, places = scores.shape[1:3]
            table = None if queries is None else _corners(queries.detach().float(), shape).flatten(0, 1)
            self._table = table  # (images * queries, 4)
            grids = [torch.arange(places, device=device).view(1, 1, -1, 1)]
            numbers = torch.arange(images, device=device).view(1, -1, 1, 1)
        else:
            images, places = maps[0].shape[0], sum(x.shape[2] * x.shape[3] for x in maps)
            self._table = (
                torch.cat([_cells(x.shape[2], x.shape[3], shape, device) for x in maps]).repeat(images, 1)
                if exact
                else None
            )
            grids, start = [], 0
            for x in maps:
                h, w = x.shape[2:]
                grids.append(start + torch.arange(h * w, device=device).view(1, 1, h, w))
                start += h * w
            numbers = torch.arange(images, device=device).view(-1, 1, 1, 1)
        self._places = places if exact else 1
        tagged = [
            fwAD.make_dual(x, (numbers * places + grid if exact else numbers).to(x.dtype).expand_as(x))
            for x, grid in zip(maps, grids, strict=True)
        ]
        self.tagged = tagged[0] if isinstance(scores, Tensor) else tagged
        self._exact = exact and self._table is not None

    def of(self, tag: Tensor) -> Tensor:
        """The image index, and the box in pixels if boxes are wanted, of each row.

        Args:
            tag: Of the logits, ``(..., c)``.

        Returns:
            ``(b, 1)`` or ``(b, 5)``; NaN where a box is not known.
        """
        tags = tag.reshape(-1, tag.shape[-1])[:, 0].double().round().long()
        images = (tags // self._places).float().unsqueeze(1)
        if not self.boxes:
            return images
        boxes = self._table[tags] if self._exact else images.new_full((len(images), 4), torch.nan)
        return torch.cat([images, boxes], dim=1)


def untagged(logits: Tensor) -> tuple[Tensor, Tensor | None]:
    """The logits without their tag, and the tag; None where they are not scores of the head, reshaped."""
    logits, tag = fwAD.unpack_dual(logits)
    return logits, tag


def _cells(h: int, w: int, shape: tuple[int, int], device: torch.device) -> Tensor:
    """The neighbourhoods of a map's positions as boxes in pixels, ``(h * w, 4)``."""
    dy, dx = shape[0] / h, shape[1] / w
    y = ((torch.arange(h, device=device) + 0.5) * dy).repeat_interleave(w)
    x = ((torch.arange(w, device=device) + 0.5) * dx).repeat(h)
    ry, rx = (min(NEIGHBOURHOOD * d, side) / 2 for d, side in ((dy, shape[0]), (dx, shape[1])))
    return torch.stack([x - rx, y - ry, x + rx, y + ry], dim=1)


def _corners(boxes: Tensor, shape: tuple[int, int]) -> Tensor:
    """Boxes as centre and size in fractions to corners in pixels."""
    centre, size = boxes.split(2, dim=-1)
    return torch.cat([centre - size / 2, centre + size / 2], dim=-1) * boxes.new_tensor([*shape[::-1]] * 2)
