# Of digits_signal.py: tuples of about two examples in place of cross-entropy.
_base_ = '../pretrain/resnet_tiny_digits_multimix.py'
model = dict(head=dict(multimix=dict(ess=2, loss_weight=1.0, clean_weight=0.0)))
