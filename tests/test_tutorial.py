"""The tutorial, run as a reader runs it, on a few images and iterations."""

import os
import re
from pathlib import Path

import nbformat
from cli import environment
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
TUTORIAL = ROOT / 'docs' / 'tutorial.ipynb'


def test_the_stored_outputs_are_whole_and_of_no_machine():
    assert TUTORIAL.stat().st_size < 200_000
    notebook = nbformat.read(TUTORIAL, as_version=4)
    printed = ''
    pictures = 0
    for cell in notebook.cells:
        for output in cell.get('outputs', ()):
            assert output.output_type != 'error'
            data = output.get('data', {})
            pictures += 'image/jpeg' in data
            printed += output.get('text', '') + data.get('text/plain', '')
    assert pictures == 2 and printed.count('bbox_mAP') == 2 and 'All keys matched' in printed
    assert not re.search(r'(?<![\w.])/\w+/', printed), printed  # a path from the root


def test_the_tutorial_runs(tmp_path, monkeypatch):
    notebook = nbformat.read(TUTORIAL, as_version=4)
    (parameters,) = [cell for cell in notebook.cells if 'parameters' in cell.metadata.get('tags', ())]
    work = tmp_path / 'tutorial'
    parameters.source = f'IMAGES = 16\nITERATIONS = 20\nWORK = {str(work)!r}'
    for key, value in environment().items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')]))
    monkeypatch.setenv('IPYTHONDIR', str(tmp_path / 'ipython'))
    client = NotebookClient(
        notebook, timeout=300, kernel_name='python3', resources={'metadata': {'path': ROOT / 'docs'}}
    )
    client.execute()
    outputs = [output for cell in notebook.cells for output in cell.get('outputs', ())]
    text = ''.join(output.get('text', '') for output in outputs)
    assert 'Error' not in text, text
    assert text.count('bbox_mAP:') >= 2 and 'MultiMix in' in text, text
    for name in ('plain', 'mixed'):
        assert re.search(rf'^{name} +\d\.\d{{3}}', text, re.MULTILINE), text
        assert (work / name / 'iter_20.pth').is_file()
    signals = [float(value) for value in re.findall(r"'multimix_signal': ([\d.]+)", text)]
    assert signals and all(0.05 < value < 1.5 for value in signals), text
    pictures = [output for output in outputs if 'image/jpeg' in output.get('data', ())]
    assert len(pictures) == 2
    assert any('All keys matched' in str(output.get('text', output.get('data'))) for output in outputs), text
