"""Says in one line what is wrong with a user's input; a fault of the program keeps its traceback."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Iterator
from types import FrameType
from urllib.error import URLError

DEBUG = 'MULTIMIX_DEBUG'  # 1 shows the traceback of every error
_HINT = f' ({DEBUG}=1 shows where)'


class InputError(ValueError):
    """What a user gave cannot be used: the message says what it was, and what to do."""


@contextlib.contextmanager
def one_line(about: str = '') -> Iterator[None]:
    """Ends a tool with one line, and exit code 1, where its input is wrong; also a decorator.

    These are :class:`InputError`, errors of files and folders, and whatever is raised while mmengine builds
    what the config names. With ``MULTIMIX_DEBUG=1`` they keep their traceback, as all others always do.

    Args:
        about: What the line begins with, such as the path of the config.
    """
    try:
        yield
    except Exception as error:
        said = None if shows_tracebacks() else what_is_wrong(error)
        if said is None:
            raise
        sys.exit(f'{about}: {said}' if about and about not in said else said)


def shows_tracebacks() -> bool:
    """Whether a user asks for the traceback of every error."""
    return os.environ.get(DEBUG, '0') not in ('', '0')


def what_is_wrong(error: Exception) -> str | None:
    """Describe an error that the input is the cause of.

    Args:
        error: As it was raised.

    Returns:
        None for a fault of the program.
    """
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, URLError):
        return (
            f'{_address(error)} cannot be downloaded: {error.reason}. Weights may be a file as well: '
            'load_from, or the checkpoint of an init_cfg; init_cfg=None does without them'
        )
    part = _built(error)
    if part:
        return f'{part} cannot be built from the config: {with_type(error)}{_HINT}'
    if isinstance(error, OSError):
        return f'{error.filename}: {error.strerror}' if error.filename is not None else str(error)
    return None


def with_type(error: BaseException) -> str:
    """The class of an error and what it says, in one line."""
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    text = ' '.join(text.split())
    return f'{type(error).__name__}: {text}' if text else type(error).__name__


def _built(error: Exception) -> str | None:
    """What mmengine was building from the config when the error was raised: the innermost part."""
    found = None
    for frame, _ in traceback.walk_tb(error.__traceback__):
        found = _part(frame) or found
    return found


def _address(error: Exception) -> str:
    """What was to be downloaded when the error was raised."""
    found = 'a file'
    for frame, _ in traceback.walk_tb(error.__traceback__):
        url = frame.f_locals.get('url')
        found = url if isinstance(url, str) and '://' in url else found
    return found


def _part(frame: FrameType) -> str | None:
    code, path = frame.f_code, frame.f_code.co_filename.replace(os.sep, '/')
    if path.endswith('mmengine/registry/build_functions.py') and code.co_name.endswith('_from_cfg'):
        kind = frame.f_locals.get('obj_type')
        if kind is None:
            given = frame.f_locals.get('cfg') or {}
            kind = given.get('type', f'{dict(given)}, a part without a type,')
        return getattr(kind, '__name__', str(kind))
    if path.endswith('mmengine/runner/runner.py') and code.co_name == 'from_cfg':
        return 'the runner'
    if path.endswith('mmengine/runner/runner.py') and code.co_name.startswith(('build_', 'scale_lr')):
        return code.co_name.removeprefix('build_')
    return None
