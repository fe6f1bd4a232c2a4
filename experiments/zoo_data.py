"""Images in memory that every detector of mmdet's configs can be trained on for one step."""

from __future__ import annotations

import re

import numpy as np
import torch
from mmdet.structures import DetDataSample, TrackDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.structures import InstanceData, PixelData
from torch.utils.data import Dataset

from mmdet_multimix.checks.walk import nodes
from mmdet_multimix.utils.registered import class_name

OBJECTS = (3, 2)  # in each of the two images
SIDES = {
    **dict.fromkeys(('SSDHead', 'PISASSDHead'), 300),  # their anchors are made for it
    **dict.fromkeys(('DDODHead', 'GARetinaHead', 'RepPointsHead'), 384),  # 3 x 3 at the coarsest level
}
SIDE = 128
_CLASSES = 2  # of objects that occur: every detector knows more, or is told so
VIDEOS = ('MaskTrackRCNN', 'QDTrack', 'Mask2FormerVideo')


class Samples(Dataset):
    """Two samples in whichever form a detector takes them.

    Args:
        model: The config of the detector.
        classes: How many classes of objects it knows.
    """

    metainfo = dict(classes=())

    def __init__(self, model: dict, classes: int) -> None:
        kinds = [class_name(part['type']) for _, part in nodes(model, '') if 'type' in part]
        self.side = next((side for head, side in SIDES.items() if head in kinds), SIDE)
        self.classes = min(classes, _CLASSES)
        self.stride = 8 if _semantic_of_roi_head(model) else 1
        if model['type'] in VIDEOS:
            self.form = self._video
        elif model['type'] == 'SoftTeacher':
            self.form = self._branches
        else:
            self.form = self._image
        self.proposals = model['type'] == 'FastRCNN'
        self.masks = bool(re.search('mask|ins|yolact', ' '.join(kinds), re.I))

    def __len__(self) -> int:
        return len(OBJECTS)

    def __getitem__(self, index: int) -> dict:
        return self.form(index)

    def labels_of(self, index: int) -> set[int]:
        """The labels of the objects in an image."""
        return set(self._image(index)['data_samples'].gt_instances.labels.tolist())

    def _image(self, index: int, seed: int = 0) -> dict:
        """As mmdet's `PackDetInputs` gives it."""
        side, count = self.side, OBJECTS[index]
        rng = np.random.default_rng((seed, index))
        corners = rng.uniform(0, side * 0.5, (count, 2))
        boxes = np.concatenate([corners, corners + rng.uniform(side * 0.2, side * 0.5, (count, 2))], axis=1)
        masks = np.zeros((count, side, side), np.uint8)
        for mask, (x0, y0, x1, y1) in zip(masks, boxes.astype(int), strict=True):
            mask[y0:y1, x0:x1] = 1
        shape = (side, side)
        sample = DetDataSample(
            metainfo=dict(
                img_id=index,
                img_path='',
                img_shape=shape,
                ori_shape=shape,
                pad_shape=shape,
                batch_input_shape=shape,
                scale_factor=(1.0, 1.0),
                flip=False,
                homography_matrix=np.eye(3, dtype=np.float32),
            )
        )
        # The images differ in what they show where there is more than one class.
        labels = torch.full((count,), index % self.classes)
        sample.gt_instances = InstanceData(
            bboxes=torch.from_numpy(boxes).float(),
            labels=labels,
            instances_ids=torch.arange(count),
        )
        sample.ignored_instances = InstanceData(bboxes=torch.zeros(0, 4), labels=torch.zeros(0).long())
        if self.masks:
            sample.gt_instances.masks = BitmapMasks(masks, side, side)
            sample.ignored_instances.masks = BitmapMasks([], side, side)
        seg = torch.from_numpy(masks.max(axis=0)[None, :: self.stride, :: self.stride].astype(np.int64))
        sample.gt_sem_seg = PixelData(sem_seg=seg)
        if self.proposals:
            jitter = rng.uniform(-side * 0.1, side * 0.1, (10, count, 4))
            proposals = torch.from_numpy((boxes + jitter).reshape(-1, 4).clip(0, side)).float()
            sample.proposals = InstanceData(bboxes=proposals)
        image = torch.from_numpy(rng.integers(0, 255, (3, side, side), dtype=np.uint8))
        return dict(inputs=image, data_samples=sample)

    def _video(self, index: int) -> dict:
        frames = [self._image(index, seed) for seed in (0, 1)]
        sample = TrackDataSample(metainfo=dict(key_frames_inds=[0], ref_frames_inds=[1]))
        sample.video_data_samples = [frame['data_samples'] for frame in frames]
        return dict(inputs=torch.stack([frame['inputs'] for frame in frames]), data_samples=sample)

    def _branches(self, index: int) -> dict:
        branches = {'sup': self._image(index)}
        branches.update({name: self._image(index, 1) for name in ('unsup_teacher', 'unsup_student')})
        return {key: {n: x[key] for n, x in branches.items()} for key in ('inputs', 'data_samples')}


def _semantic_of_roi_head(model: dict) -> bool:
    """Whether the RoI head learns from a map of classes, of an eighth of the image."""
    return isinstance(model.get('roi_head'), dict) and 'semantic_head' in model['roi_head']
