# Of digits_signal.py: tuples of about three positions, beside as much of cross-entropy.
_base_ = '../pretrain/resnet_tiny_digits_dense_multimix.py'
model = dict(head=dict(multimix=dict(ess=3, loss_weight=0.5, clean_weight=0.5)))
