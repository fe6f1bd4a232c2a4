# Of signal_dense.py: Dense MultiMix on the RoI maps in place of the embeddings.
_base_ = './faster_rcnn_digits.py'
model = dict(
    roi_head=dict(
        type='DenseMultiMixRoIHead',
        dense_multimix=dict(n=200),
        bbox_head=dict(type='Shared2FCBBoxHead'),
    )
)
