"""Checkpoints that are whole or absent, and of which one is there at any moment."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.registry import HOOKS
from mmengine.runner import Runner

from ...utils.files import remove_partial_files, whole_file
from ...utils.one_line import InputError

_BACKEND = 'whole_local'


class WholeLocalBackend(LocalBackend):
    """mmengine's local files, of which those written as bytes are whole or absent."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Writes a file.

        Args:
            obj: All that it will hold.
            filepath: Its path; missing folders are made.
        """
        with whole_file(filepath) as file:
            file.write(obj)


register_backend(_BACKEND, WholeLocalBackend, force=True)


@HOOKS.register_module()
class WholeCheckpointHook(CheckpointHook):
    """mmengine's ``CheckpointHook``, with which a run that is killed at any moment can go on.

    mmengine writes a file under its final name, rewrites the newest one after a best one, and removes an old
    one before the new one is written, even from another work dir. Here a file gets its name when it is
    complete, and an old one of the same folder goes when the new one is there. The arguments are the same;
    files that are not local are written as ever.
    """

    backend_args: dict[str, Any] | None

    def before_train(self, runner: Runner) -> None:
        """Chooses how files are written, and removes what a kill has left."""
        local = self.file_client_args is None and self.backend_args in (None, {}, {'backend': 'local'})
        local = local and '://' not in str(self.out_dir or runner.work_dir)
        if local:
            self.backend_args = {'backend': _BACKEND}
        super().before_train(runner)
        if local and is_main_process():
            remove_partial_files(self.out_dir, '*.pth')

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        kept = getattr(self, 'keep_ckpt_ids', ())
        outgoing = None
        if kept and kept[-1] != step and len(kept) == self.max_keep_ckpts:
            outgoing = kept.popleft()  # mmengine's own would remove its file now
        super()._save_checkpoint_with_step(runner, step, meta)
        if outgoing is not None:
            path = self.file_backend.join_path(self.out_dir, self.filename_tmpl.format(outgoing))
            self._remove(path)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        if not self.save_best:
            return
        before = self._best_paths()
        self._set_best_paths(dict.fromkeys(before))  # mmengine's own would remove their files first
        super()._save_best_checkpoint(runner, metrics)
        after = self._best_paths()
        self._set_best_paths({name: path or before.get(name) for name, path in after.items()})
        for name, path in before.items():
            # Only here: what goes on in another work dir, or in a copy, knows the best file of the first run.
            outdated = self.file_backend.join_path(self.out_dir, Path(path).name) if path else None
            if outdated and after.get(name) and after[name] != outdated:
                self._remove(outdated)

    def _best_paths(self) -> dict[str, str | None]:
        if len(self.key_indicators) == 1:
            return {'': self.best_ckpt_path}
        return dict(self.best_ckpt_path_dict)

    def _set_best_paths(self, paths: dict[str, str | None]) -> None:
        if len(self.key_indicators) == 1:
            self.best_ckpt_path = paths['']
        else:
            self.best_ckpt_path_dict.update(paths)

    def _remove(self, path: str) -> None:
        if not is_main_process():
            return
        if self.file_backend.isfile(path):
            self.file_backend.remove(path)
        elif self.file_backend.isdir(path):  # of DeepSpeed
            self.file_backend.rmtree(path)


def write_whole_checkpoints(runner: Runner) -> None:
    """Turns mmengine's ``CheckpointHook`` of a runner into :class:`WholeCheckpointHook`.

    Not in the config: the one that is saved beside the checkpoints stays one that runs without this package.

    Args:
        runner: A runner that has not begun to train.

    Raises:
        InputError: The hook was given an argument that neither it nor the runner has.
    """
    for hook in runner.hooks:
        if isinstance(hook, CheckpointHook):
            # mmengine would find them unknown when it saves, after the first epoch.
            unknown = hook.args.keys() - inspect.signature(runner.save_checkpoint).parameters.keys()
            if unknown:
                raise InputError(f'default_hooks.checkpoint: {type(hook).__name__} knows no {min(unknown)!r}')
        if type(hook) is CheckpointHook:
            hook.__class__ = WholeCheckpointHook
