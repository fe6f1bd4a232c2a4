# Of digits_signal.py: tuples of many positions, beside all of cross-entropy.
_base_ = '../pretrain/resnet_tiny_digits_dense_multimix.py'
model = dict(head=dict(multimix=dict(alpha=(0.02, 0.2), loss_weight=1.0, clean_weight=1.0)))
