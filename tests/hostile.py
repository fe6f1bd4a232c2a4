"""Checkpoints that run code where they are loaded carelessly: each creates the file `marker`."""

import torch

KINDS = ('reduce', 'getattr', 'config')


class _Call:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def code(marker):
    return f'open({str(marker)!r}, "w").close()'


def write_hostile(path, kind, marker, checkpoint=None):
    """Writes a checkpoint, by default one of two weights, with code in it.

    Args:
        kind: `'reduce'` is the pickle that everybody knows. `'getattr'` reaches `exec` through functions that
            the weights-only loader of mmengine's fork allows. `'config'` holds nothing but tensors and text.
    """
    checkpoint = dict(checkpoint or {'state_dict': {'a': torch.ones(2)}})
    if kind == 'reduce':
        checkpoint['x'] = _Call(exec, code(marker))
    elif kind == 'getattr':
        execute = _Call(getattr, _Call(getattr, getattr, '__self__'), 'exec')
        rebuild = torch._tensor._rebuild_from_type_v2
        checkpoint['x'] = _Call(rebuild, execute, torch.Tensor, (code(marker),), {})
    else:
        checkpoint['meta'] = {**checkpoint.get('meta', {}), 'config': f'{code(marker)}\ngpu_ids = [0]\n'}
    torch.save(checkpoint, path)
