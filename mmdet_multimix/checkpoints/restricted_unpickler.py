"""A weights-only unpickler, for a torch that cannot be told what our checkpoints hold (before 2.6).

Weights-only loading of such a torch reads tensors alone, and so refuses the checkpoints that mmengine
writes. :class:`Unpickler` reads what :mod:`.allowed` lists, too, and is as strict otherwise: a name that is
not listed is refused before anything is imported, only listed functions are called, and only listed objects
get a state.
"""

from __future__ import annotations

import _compat_pickle
import pickle
import re
import struct
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

from .allowed import TORCH_HAS_ALLOW_LIST, allowed_globals

# Numbers and text; an array of objects or of records could hold anything.
_PLAIN_DTYPE = re.compile(r'[<>=|]?[?biufSU]\d*')
# What a pickle that is no pickle, or is cut off, leads to.
_DAMAGED = (AttributeError, LookupError, OverflowError, TypeError, ValueError, struct.error)


def _dtype(kind: str, align: bool = False, copy: bool = False) -> np.dtype:
    """``numpy.dtype``, of numbers and text."""
    if type(kind) is not str or not _PLAIN_DTYPE.fullmatch(kind):
        raise pickle.UnpicklingError(f'a checkpoint may not hold arrays of {kind!r}')
    return np.dtype(kind)


def _array(kind: type, shape: tuple, dtype: Any) -> np.ndarray:
    """NumPy's ``_reconstruct``: an empty array, which gets its content as its state."""
    if kind is not np.ndarray:
        raise pickle.UnpicklingError(f'a checkpoint may not hold a {kind!r}')
    return np.empty(0, np.int8)


def _encode(text: str, encoding: str) -> bytes:
    """``codecs.encode``, by which protocol 2 writes bytes."""
    if type(text) is not str or encoding != 'latin1':
        raise pickle.UnpicklingError(f'a checkpoint may not encode by {encoding!r}')
    return text.encode('latin1')


def _no_bytes() -> bytes:
    """``bytes()``, which is how protocol 2 writes an empty array."""
    return b''


def _named_alone() -> dict[str, Any]:
    schedule = 'mmengine.optim.scheduler.param_scheduler.OneCycleParamScheduler'
    return {'numpy.ndarray': np.ndarray, schedule: allowed_globals()[schedule]}


def _functions() -> dict[str, Any]:
    """What a pickle may call."""
    by_name = {
        name: thing for name, thing in allowed_globals().items() if not isinstance(thing, type(np.dtype))
    }
    for name in _named_alone():
        del by_name[name]
    by_name |= {name: _array for name in by_name if name.endswith('._reconstruct')}
    for name in ('_rebuild_tensor', '_rebuild_tensor_v2', '_rebuild_parameter'):
        by_name[f'torch._utils.{name}'] = getattr(torch._utils, name)
    return by_name | {
        '_codecs.encode': _encode,
        'builtins.bytes': _no_bytes,
        'builtins.set': set,
        'collections.Counter': Counter,
        'collections.OrderedDict': OrderedDict,
        'numpy.dtype': _dtype,
        'torch.Size': torch.Size,
        'torch.device': torch.device,
    }


def _constants() -> dict[str, Any]:
    """What a pickle may only name."""
    by_name = _named_alone()
    for value in vars(torch).values():
        if isinstance(value, torch.dtype):
            by_name[str(value)] = value
    for storage in torch._storage_classes:
        name = f'{storage.__module__}.{storage.__name__}'
        legacy = storage not in (torch.storage.TypedStorage, torch.UntypedStorage)
        by_name[name] = torch.serialization.StorageType(storage.__name__) if legacy else storage
    return by_name


_PLAIN: dict[int, Callable[..., None]] = dict(pickle._Unpickler.dispatch)


class Unpickler(pickle._Unpickler):  # the one in Python, of which every step can be overridden
    """Reads a pickle of tensors, plain containers and what :mod:`.allowed` lists.

    Args:
        file: A binary file.
        arguments: As for ``pickle.Unpickler``.
    """

    # What Python's own unpickler has, but typeshed does not list.
    stack: list[Any]
    metastack: list[list[Any]]
    append: Callable[[Any], None]

    dispatch: ClassVar[dict[int, Callable[..., None]]] = dict(_PLAIN)

    def __init__(self, file: Any, **arguments: Any) -> None:
        super().__init__(file, **arguments)
        functions = _functions()
        self._callable = {id(function) for function in functions.values()}
        self._by_name = functions | _constants()

    def load(self) -> Any:
        """Read one object.

        Raises:
            pickle.UnpicklingError: The pickle is damaged, or names, calls or changes what is not listed.
        """
        try:
            return super().load()
        except _DAMAGED as error:
            raise pickle.UnpicklingError(f'{type(error).__name__}: {error}') from error

    def find_class(self, module: str, name: str) -> Any:
        """Look a name up; nothing is imported.

        Args:
            module: As the pickle has it, maybe in the words of Python 2.
            name: Likewise.
        """
        module, name = _compat_pickle.NAME_MAPPING.get(
            (module, name), (_compat_pickle.IMPORT_MAPPING.get(module, module), name)
        )
        if f'{module}.{name}' not in self._by_name:
            raise pickle.UnpicklingError(f'{module}.{name} is not among what a checkpoint may hold')
        return self._by_name[f'{module}.{name}']

    def _reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if id(function) not in self._callable or type(arguments) is not tuple:
            raise pickle.UnpicklingError(f'a checkpoint may not call {function!r}')
        self.append(function(*arguments))

    def _newobj(self) -> None:
        arguments, kind = self.stack.pop(), self.stack.pop()
        if kind is not HistoryBuffer or arguments != ():
            raise pickle.UnpicklingError(f'a checkpoint may not make a {kind!r}')
        self.append(HistoryBuffer.__new__(HistoryBuffer))

    def _build(self) -> None:
        state, thing = self.stack.pop(), self.stack[-1]
        if isinstance(thing, np.dtype):
            _check_dtype(state)
        elif type(thing) is np.ndarray:
            _fill(thing, state)
        elif type(thing) is OrderedDict and type(state) is dict:
            thing.__dict__.update(state)
        elif type(thing) is HistoryBuffer and type(state) is dict:
            # Its statistics are those of the class, whatever the file says, and only this gives them to it.
            thing.__setstate__({key: value for key, value in state.items() if key != 'statistics_methods'})
        else:
            raise pickle.UnpicklingError(f'a checkpoint may not change a {type(thing).__name__}')

    def _check_container(self, thing: Any, *kinds: type) -> None:
        if type(thing) not in kinds:
            raise pickle.UnpicklingError(f'a checkpoint may not add to a {type(thing).__name__}')

    def _append(self) -> None:
        self._check_container(self.stack[-2], list)
        _PLAIN[pickle.APPEND[0]](self)

    def _appends(self) -> None:
        self._check_container(self.metastack[-1][-1], list)
        _PLAIN[pickle.APPENDS[0]](self)

    def _setitem(self) -> None:
        self._check_container(self.stack[-3], dict, OrderedDict)
        _PLAIN[pickle.SETITEM[0]](self)

    def _setitems(self) -> None:
        self._check_container(self.metastack[-1][-1], dict, OrderedDict)
        _PLAIN[pickle.SETITEMS[0]](self)

    def _additems(self) -> None:
        self._check_container(self.metastack[-1][-1], set)
        _PLAIN[pickle.ADDITEMS[0]](self)

    def _refuse(self) -> None:
        raise pickle.UnpicklingError('a checkpoint may not make objects in this way')

    dispatch |= {
        pickle.REDUCE[0]: _reduce,
        pickle.NEWOBJ[0]: _newobj,
        pickle.BUILD[0]: _build,
        pickle.APPEND[0]: _append,
        pickle.APPENDS[0]: _appends,
        pickle.SETITEM[0]: _setitem,
        pickle.SETITEMS[0]: _setitems,
        pickle.ADDITEMS[0]: _additems,
        **dict.fromkeys((code[0] for code in (pickle.INST, pickle.OBJ, pickle.NEWOBJ_EX)), _refuse),
        **dict.fromkeys((code[0] for code in (pickle.EXT1, pickle.EXT2, pickle.EXT4)), _refuse),
    }


def _check_dtype(state: Any) -> None:
    """A plain dtype is whole before it gets a state: of that, only the byte order could say something new."""
    order, *parts = state[1:5]
    if order == ('>' if np.little_endian else '<') or any(part is not None for part in parts):
        raise pickle.UnpicklingError(f'a checkpoint may not hold arrays of {state!r}')


def _fill(array: np.ndarray, state: Any) -> None:
    _, _, dtype, _, content = state
    if not isinstance(dtype, np.dtype) or type(content) is not bytes:
        raise pickle.UnpicklingError('a checkpoint may not hold arrays of objects')
    array.__setstate__(state)


def _load(file: Any, **arguments: Any) -> Any:
    return Unpickler(file, **arguments).load()


def use_restricted_unpickler() -> None:
    """Let weights-only loads of this process read what :mod:`.allowed` lists, also where torch is older."""
    if not TORCH_HAS_ALLOW_LIST:
        torchs = vars(torch._weights_only_unpickler)
        ours = SimpleNamespace(**{**torchs, 'Unpickler': Unpickler, 'load': _load})
        torch.serialization._weights_only_unpickler = ours  # type: ignore[assignment]  # stands in for a module


@contextmanager
def restricted_unpickler() -> Iterator[None]:
    """The same for the time of a load."""
    before = torch.serialization._weights_only_unpickler
    use_restricted_unpickler()
    try:
        yield
    finally:
        torch.serialization._weights_only_unpickler = before
