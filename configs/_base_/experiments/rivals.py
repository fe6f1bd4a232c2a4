# Simpler means that sweeps compare RoI MultiMix with, as overrides of a Faster R-CNN. Names with an
# underscore are no keys of an experiment.
_head = 'model.roi_head.bbox_head'
_smoothed = {
    share: {
        f'{_head}.multimix.loss_weight': 0,
        f'{_head}.loss_cls.type': 'LabelSmoothingLoss',
        f'{_head}.loss_cls.label_smoothing': share,
    }
    for share in (0.05, 0.1, 0.2)
}
_less_background = {
    'model.train_cfg.rcnn.sampler.num': 40,
    'model.train_cfg.rcnn.sampler.pos_fraction': 0.4,
}
