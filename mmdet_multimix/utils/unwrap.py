"""The model inside its wrappers."""

from mmengine.model import BaseModel, BaseTTAModel, is_model_wrapper
from mmengine.runner import Runner


def unwrapped(runner: Runner) -> BaseModel:
    """The model of a runner without the wrappers of distributed training and of test-time augmentation."""
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    return model.module if isinstance(model, BaseTTAModel) else model
