# An experiment of tools/sweep.py: what MultiMixHook does in YOLOX, which classifies objects alone, on digits.
_base_ = './signal_fcos.py'
detector = 'yolox_digits.py'
