# An experiment of tools/sweep.py: what MultiMixHook does where scores are qualities, in GFL on digits.
_base_ = './signal_fcos.py'
detector = 'gfl_digits.py'
seeds = 3
