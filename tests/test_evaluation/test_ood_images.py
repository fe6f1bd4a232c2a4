import cv2
import numpy as np
import pytest
import torch
from PIL import Image, UnidentifiedImageError

from mmdet_multimix.evaluation.ood_images import FolderImages, list_images, noise_batches


def test_folder_of_any_images_at_any_depth(tmp_path, logged):
    (tmp_path / 'cat').mkdir()
    Image.new('RGB', (30, 20), (255, 0, 51)).save(tmp_path / 'cat' / 'a.png')
    Image.new('L', (8, 8), 102).save(tmp_path / 'cat' / 'b.PNG')
    Image.new('RGBA', (16, 16), (0, 255, 0, 128)).save(tmp_path / 'c.png')
    Image.new('P', (9, 50)).save(tmp_path / 'd.gif')
    (tmp_path / 'notes.txt').write_text('no image')
    images = FolderImages(tmp_path, (12, 16))
    assert len(images) == 3  # torchvision does not read GIF
    (line,) = logged
    assert 'left out because of how their names end: 1 .gif. Only' in line
    batches = list(images.batches(2))
    assert [tuple(batch.shape) for batch in batches] == [(2, 3, 12, 16), (1, 3, 12, 16)]
    by_name = {
        path.name: image[:, 5, 5] for path, image in zip(images.paths, torch.cat(batches), strict=True)
    }
    torch.testing.assert_close(by_name['a.png'], torch.tensor([1, 0, 0.2]))
    torch.testing.assert_close(by_name['b.PNG'], torch.tensor([0.4, 0.4, 0.4]))


def test_what_file_managers_and_archives_leave_behind_is_no_image(tmp_path):
    root = tmp_path / '.cache/photos'  # that the folder itself is hidden does not matter
    for name in ('a/0.png', '.thumbs/0.png', '__MACOSX/0.png', 'a/@eaDir/0.png'):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (8, 8)).save(root / name)
    for name in ('._0.png', 'a/._0.png', '__MACOSX/a.png'):
        (root / name).write_bytes(b'')
    assert list_images(root) == [root / 'a/0.png']


@pytest.mark.parametrize('content', [b'', b'no image', b'\x89PNG\r\n\x1a\n'])
def test_a_file_among_many_that_cannot_be_read_is_named_at_once(tmp_path, content):
    for index in range(3):
        Image.new('RGB', (8, 8)).save(tmp_path / f'{index}.png')
    (tmp_path / '1.png').write_bytes(content)
    with pytest.raises(ValueError, match=r'1\.png cannot be read as an image'):
        FolderImages(tmp_path, (4, 4))


def test_a_kind_that_opencv_alone_reads_is_an_image(tmp_path):
    pixels = np.full((8, 8, 3), 0.5, np.float32)
    cv2.imwrite(str(tmp_path / '0.tif'), pixels)
    with pytest.raises(UnidentifiedImageError):
        Image.open(tmp_path / '0.tif')
    assert len(FolderImages(tmp_path, (4, 4))) == 1


def test_what_is_no_folder_of_images_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere'):
        FolderImages(tmp_path / 'nowhere', (4, 4))
    (tmp_path / 'a.txt').write_text('x')
    (tmp_path / 'b.heic').write_bytes(b'heic')
    with pytest.raises(ValueError, match=r'no image in .* or below \(looked for \.jpg.*left out.*: 1 \.heic'):
        FolderImages(tmp_path, (4, 4))
    (tmp_path / 'broken.jpg').write_text('x')
    with pytest.raises(ValueError, match=r'broken\.jpg cannot be read'):
        FolderImages(tmp_path, (4, 4))


@pytest.mark.parametrize('kind', ['uniform', 'gaussian'])
def test_noise_depends_on_its_seed_alone(kind):
    def draw(batch_size, seed=5, kind=kind):
        return torch.cat(list(noise_batches(kind, 7, (6, 4), batch_size, seed)))

    assert draw(3).shape == (7, 3, 6, 4)
    assert torch.equal(draw(3), draw(7))
    assert not torch.equal(draw(3), draw(3, seed=6))
    assert not torch.equal(draw(3), draw(3, kind={'uniform': 'gaussian', 'gaussian': 'uniform'}[kind]))


def test_distributions_of_noise():
    uniform, gaussian = (
        torch.cat(list(noise_batches(k, 40, (32, 32), 40, 0))) for k in ('uniform', 'gaussian')
    )
    assert uniform.min() >= 0 and uniform.max() <= 1 and gaussian.min() == 0 and gaussian.max() == 1
    assert uniform.mean().item() == pytest.approx(0.5, abs=0.005)
    assert uniform.std().item() == pytest.approx(12**-0.5, abs=0.005)
    # P(N(0.5, 1) <= 0) is 0.3085; the rest lies between with the density of the normal distribution.
    assert (gaussian == 0).float().mean().item() == pytest.approx(0.3085, abs=0.005)
    assert (gaussian == 1).float().mean().item() == pytest.approx(0.3085, abs=0.005)
    with pytest.raises(ValueError, match='uniform, gaussian'):
        next(noise_batches('pink', 1, (2, 2), 1, 0))
