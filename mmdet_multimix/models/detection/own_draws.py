"""Random numbers of our own, so that a detector's training draws what it would draw without MultiMix.

Detectors draw while they compute their losses: samplers choose RoIs, PointRend chooses points, dropout
drops. If mixing drew from torch's global generator in between, everything drawn afterwards would change,
and so would the detector's own losses. So each call of a module that mixes draws from a new generator of
its own.

What seeds it is known on every rank and after every resume:

* the seed of the run and the iteration, which mmengine's ``RuntimeInfoHook`` (a default hook of every Runner)
  keeps in the Runner's ``MessageHub``. The hooks of this package say which one that is. Heads and losses
  without any hook read the current one, which is that of the Runner built last;
* the rank;
* the number of the module, where there are several, such as the stages of a cascade. The hooks of this
  package number them; without any hook, stages draw alike;
* how many times the module has drawn in this iteration.

In a training loop without a Runner there is neither seed nor iteration. Then the state of torch's global
generator on the CPU, which is read but not moved, stands for both.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import torch
from mmengine.logging import MessageHub

from ...ops.gather import rank, shared_generator


@dataclass
class OwnDraws:
    """Gives a module new generators, one for each of its calls; plain data, so that it copies with it.

    Args:
        stream: The number of the module, where there are several.
        run: The name of the Runner's ``MessageHub``; None means the current one.
    """

    stream: int = 0
    run: str | None = None
    _moment: tuple = field(default=(), repr=False)
    _count: int = field(default=0, repr=False)

    def generators(self, device: torch.device, *, shared: bool) -> tuple[torch.Generator, torch.Generator]:
        """One for what a rank draws alone, and one for what all ranks draw alike.

        Args:
            device: Where they draw.
            shared: Whether ranks draw alike. Then each has to call, and waits for the seed of rank 0.
                Otherwise both are the same generator.
        """
        moment = _moment(self.run)
        self._count = self._count + 1 if moment == self._moment else 0
        self._moment = moment
        alone = torch.Generator(device).manual_seed(self._seed(rank()))
        return alone, shared_generator(device, self._seed('all')) if shared else alone

    def _seed(self, who: int | str) -> int:
        text = repr((self._moment, self.stream, self._count, who))
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), 'big') >> 1


def _moment(run: str | None) -> tuple:
    """What tells this iteration of this run from others."""
    hub = MessageHub.get_instance(run) if run else MessageHub.get_current_instance()
    seed, iteration = hub.get_info('seed'), hub.get_info('iter')
    if seed is not None and iteration is not None:
        return int(seed), int(iteration)
    return (hashlib.blake2b(torch.get_rng_state().numpy().tobytes(), digest_size=8).hexdigest(),)
