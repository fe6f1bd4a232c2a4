"""The loader that stands in for torch's where torch is older than 2.6; it works with every torch."""

import io
import pickle
import pickletools
from collections import Counter, OrderedDict
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hostile import write_hostile
from mmengine.logging import HistoryBuffer
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler

from mmdet_multimix.checkpoints.restricted_unpickler import Unpickler, _load

pytestmark = pytest.mark.smoke


def load(path):
    reader = SimpleNamespace(Unpickler=Unpickler, load=_load, __name__='restricted')
    return torch.load(path, map_location='cpu', pickle_module=reader, weights_only=False)


@pytest.fixture(autouse=True)
def _no_switch(monkeypatch):
    monkeypatch.delenv(
        'TORCH_FORCE_WEIGHTS_ONLY_LOAD', raising=False
    )  # it forbids torch a reader of one's own


def checkpoint():
    """What mmengine saves, each part as its class pickles."""
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.randn(2, 1, 4, 4)).sum().backward()
    optimizer.step()
    history = HistoryBuffer([1.0, 2.0], [1, 1])
    return {
        'meta': {
            'epoch': 1,
            'seed': None,
            'dataset_meta': {'classes': ('a', 'b')},
            'size': torch.Size([2, 3]),
        },
        'state_dict': model.state_dict(),
        'optimizer': optimizer.state_dict(),
        'param_schedulers': [
            {'milestones': Counter({8: 1}), 'gamma': 0.1},
            {'anneal_func': OneCycleParamScheduler._annealing_cos},
        ],
        'message_hub': {
            'log_scalars': OrderedDict(loss=history, empty=HistoryBuffer()),
            'runtime_info': {'best': np.float64(3), 'n': np.uint8(4), 'box': np.arange(6.0).reshape(2, 3).T},
        },
        'kept': {1, 2},
        'raw': b'\x00\xff',
        'dtype': torch.float16,
        'views': [torch.arange(6).view(2, 3).t(), torch.ones(2, dtype=torch.bfloat16)],
        'parameter': torch.nn.Parameter(torch.ones(2)),
    }


@pytest.mark.parametrize('legacy', [False, True])
def test_what_mmengine_saves_is_read(tmp_path, legacy):
    saved = checkpoint()
    torch.save(saved, tmp_path / 'epoch_1.pth', _use_new_zipfile_serialization=not legacy)
    read = load(tmp_path / 'epoch_1.pth')
    assert list(read) == list(saved)
    for name in ('meta', 'param_schedulers', 'kept', 'raw', 'dtype'):
        assert read[name] == saved[name], name
    torch.testing.assert_close(read['state_dict'], saved['state_dict'], rtol=0, atol=0)
    assert read['state_dict']._metadata == saved['state_dict']._metadata
    torch.testing.assert_close(read['optimizer'], saved['optimizer'], rtol=0, atol=0)
    torch.testing.assert_close(read['views'], saved['views'], rtol=0, atol=0)
    assert type(read['parameter']) is torch.nn.Parameter and read['parameter'].requires_grad
    scalars, info = read['message_hub'].values()
    loss = scalars['loss']
    assert (loss.mean(), loss.max(), loss.min(), loss.current()) == (1.5, 2, 1, 2)
    loss.update(6.0)
    assert loss.statistics('mean', 3) == 3 and len(scalars['empty'].data[0]) == 0
    assert info['best'] == 3 and info['best'].dtype == np.float64 and info['n'].dtype == np.uint8
    np.testing.assert_array_equal(info['box'], saved['message_hub']['runtime_info']['box'])
    loss.data[0][0] = 7  # of its own memory, as after pickle


def test_a_history_has_its_statistics_in_a_process_that_made_none(tmp_path, monkeypatch):
    """As in a resumed run that validates first. What the file says of them is not taken over."""
    history = HistoryBuffer([1.0, 2.0], [1, 1])
    monkeypatch.setattr(
        HistoryBuffer, '_statistics_methods', {**HistoryBuffer._statistics_methods, 'strange': set}
    )
    text = pickle.dumps(history, protocol=2)
    monkeypatch.setattr(HistoryBuffer, '_statistics_methods', {})
    read = _load(io.BytesIO(text))
    assert read.statistics('mean') == 1.5 and 'strange' not in HistoryBuffer._statistics_methods


@pytest.mark.parametrize('home', ['numpy.core', 'numpy._core'])
def test_either_name_of_numpys_module_is_known(home):
    text = pickle.dumps({'a': np.arange(3.0), 'b': np.float32(2)}, protocol=2)
    for name in (b'numpy._core', b'numpy.core'):
        text = text.replace(name, home.encode())
    read = _load(io.BytesIO(text))
    assert read['a'].tolist() == [0, 1, 2] and read['b'] == 2 and type(read['b']) is np.float32


@pytest.mark.parametrize('kind', ['reduce', 'getattr'])
def test_hostile_files_run_nothing(tmp_path, kind):
    write_hostile(tmp_path / 'e.pth', kind, tmp_path / 'marker')
    with pytest.raises(pickle.UnpicklingError):
        load(tmp_path / 'e.pth')
    assert not (tmp_path / 'marker').exists()


def opcodes(*parts):
    """A pickle of protocol 2, from its opcodes."""
    return pickle.PROTO + b'\x02' + b''.join(parts) + pickle.STOP


def named(name):
    module, _, name = name.rpartition('.')
    return pickle.GLOBAL + f'{module}\n{name}\n'.encode()


def text(value):
    return pickle.BINUNICODE + len(value).to_bytes(4, 'little') + value.encode()


HISTORY = named('mmengine.logging.history_buffer.HistoryBuffer')
STATE = pickle.EMPTY_DICT + text('min') + pickle.NONE + pickle.SETITEM
ARGUMENT = text('O8') + pickle.TUPLE1
TRICKS = {
    'a name that is not listed': opcodes(named('os.system')),
    'a name through a listed module': opcodes(named('numpy.load')),
    'a name in the words of Python 2': opcodes(named('__builtin__.eval')),
    'a name with a dot': opcodes(named('torch._utils.torch.load')),
    'a call of what is only to be named': opcodes(named('numpy.ndarray'), pickle.EMPTY_TUPLE, pickle.REDUCE),
    'a call of a storage': opcodes(named('torch.storage.UntypedStorage'), pickle.EMPTY_TUPLE, pickle.REDUCE),
    'a call of what a call gave': opcodes(
        named('__builtin__.getattr'),
        HISTORY,
        text('min'),
        pickle.TUPLE2,
        pickle.REDUCE,
        pickle.EMPTY_TUPLE,
        pickle.REDUCE,
    ),
    'getattr of something else': opcodes(
        named('__builtin__.getattr'), HISTORY, text('__init__'), pickle.TUPLE2, pickle.REDUCE
    ),
    'a new object of another class': opcodes(named('torch.Size'), pickle.EMPTY_TUPLE, pickle.NEWOBJ),
    'a change of a class': opcodes(HISTORY, STATE, pickle.BUILD),
    'a change of a function': opcodes(named('torch._utils._rebuild_tensor'), STATE, pickle.BUILD),
    'slots of an object': opcodes(
        HISTORY, pickle.EMPTY_TUPLE, pickle.NEWOBJ, pickle.NONE, STATE, pickle.TUPLE2, pickle.BUILD
    ),
    'items of a class': opcodes(HISTORY, text('a'), pickle.NONE, pickle.SETITEM),
    'items of what is no list': opcodes(HISTORY, pickle.MARK, text('a'), pickle.APPENDS),
    'the old way to make an object': opcodes(pickle.MARK, HISTORY, pickle.OBJ),
    'the oldest way to make an object': opcodes(pickle.MARK, pickle.INST + b'os\nsystem\n'),
    'the registry of extensions': opcodes(pickle.EXT1 + b'\x01'),
    'objects in an array': opcodes(named('numpy.dtype'), ARGUMENT, pickle.REDUCE),
    'a sparse tensor, whose places nobody has checked': opcodes(named('torch._utils._rebuild_sparse_tensor')),
    'a codec': opcodes(named('_codecs.encode'), text('a'), text('rot13'), pickle.TUPLE2, pickle.REDUCE),
    'a subclass of arrays': opcodes(
        named('numpy.core.multiarray._reconstruct'),
        HISTORY,
        pickle.NONE,
        pickle.NONE,
        pickle.TUPLE3,
        pickle.REDUCE,
    ),
    'nothing': b'',
    'half of it': pickle.dumps(['a' * 50] * 3, protocol=2)[:20],
    'no pickle': b'\x80\x02garbage',
}


@pytest.mark.parametrize('trick', TRICKS)
def test_a_pickle_can_do_nothing_else(trick):
    before = dict(vars(HistoryBuffer))
    with pytest.raises((pickle.UnpicklingError, EOFError)):
        _load(io.BytesIO(TRICKS[trick]))
    assert dict(vars(HistoryBuffer)) == before


def test_every_opcode_that_makes_or_changes_an_object_is_looked_at():
    """A Python whose pickles know another one must not find it unguarded."""
    harmless = {
        'MARK STOP POP POP_MARK DUP NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT',
        'STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES',
        'BINBYTES8 BYTEARRAY8 NEXT_BUFFER READONLY_BUFFER EMPTY_LIST EMPTY_TUPLE EMPTY_DICT EMPTY_SET LIST TUPLE TUPLE1',
        'TUPLE2 TUPLE3 DICT FROZENSET GET BINGET LONG_BINGET PUT BINPUT LONG_BINPUT MEMOIZE PROTO FRAME PERSID BINPERSID',
        'GLOBAL STACK_GLOBAL',  # through find_class
    }
    unguarded = {
        code.name
        for code in pickletools.opcodes
        if Unpickler.dispatch.get(ord(code.code)) is pickle._Unpickler.dispatch.get(ord(code.code))
    }
    assert unguarded == set(' '.join(harmless).split())
