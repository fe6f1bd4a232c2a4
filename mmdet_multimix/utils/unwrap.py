"""The model inside the wrapper of distributed training."""

from mmengine.model import BaseModel, is_model_wrapper
from mmengine.runner import Runner


def unwrapped(runner: Runner) -> BaseModel:
    """The model of a runner without the wrapper of distributed training."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model
