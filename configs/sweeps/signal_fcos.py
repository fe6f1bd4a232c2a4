# An experiment of tools/sweep.py: what MultiMixHook does in a detector without anchors, on digits.
_base_ = './signal_retinanet.py'
detector = 'fcos_digits.py'
seeds = 5
_weight, _among, _ess = (f'custom_hooks.1.{key}' for key in ('loss_weight', 'among', 'ess'))
settings = dict(
    _delete_=True,
    **{
        # The first is what the others are compared with. At weight 0 nothing is mixed.
        'plain': {_weight: 0},
        'all, 0.1, ess 3': {_among: 'all', _weight: 0.1, _ess: 3},
        'all, 0.5, ess 3': {_among: 'all', _ess: 3},
    },
)
