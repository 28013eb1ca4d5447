import io

import numpy as np
import pytest
from PIL import Image

from sixgig.cohorts.images import decode_image, fit, three_channels
from sixgig.errors import ImageError


def _file(array: np.ndarray | Image.Image, kind: str = "PNG") -> io.BytesIO:
    stream = io.BytesIO()
    image = array if isinstance(array, Image.Image) else Image.fromarray(array)
    image.save(stream, kind)
    stream.seek(0)
    return stream


GREY = np.random.default_rng(0).integers(0, 256, (9, 7), dtype=np.uint8)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.fromarray(GREY), GREY),
        (Image.merge("LA", [Image.fromarray(GREY)] * 2), GREY),
        (Image.merge("RGBA", [Image.fromarray(GREY)] * 4), np.stack([GREY] * 3, axis=2)),
        (Image.fromarray(GREY.astype(np.uint16) * 257), GREY),
        (Image.fromarray(GREY > 100), np.where(GREY > 100, 255, 0)),
    ],
    ids=["grey", "grey-alpha", "rgba", "16-bit", "1-bit"],
)
def test_decode(image: Image.Image, expected: np.ndarray) -> None:
    decoded = decode_image(_file(image), "a.png")
    assert decoded.dtype == np.uint8
    assert np.array_equal(decoded, expected)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no image", "a.png: is not an image"),
        (_file(GREY).getvalue()[:60], r"a\.png: cannot be read|a\.png: is not an image"),
        (_file(np.full((5, 5), 9, np.uint8)).getvalue(), "a.png: is constant: every pixel is 9"),
    ],
)
def test_unusable_images(data: bytes, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        decode_image(io.BytesIO(data), "a.png")


def test_fit_keeps_the_aspect_in_mm_and_pads_with_black() -> None:
    white = np.full((10, 20), 255, np.uint8)
    fitted = fit(white, (40, 40))
    assert (fitted[10:30] == 255).all()
    assert not fitted[:10].any()
    assert not fitted[30:].any()
    # Pixels twice as high as wide: the same array is a square.
    assert (fit(white, (40, 40), (2.0, 1.0)) == 255).all()


def test_fit_does_not_alias() -> None:
    stripes = np.tile(np.array([0.0, 1.0], np.float32), (64, 32))
    assert np.allclose(fit(stripes, (8, 8))[:, 1:-1], 0.5, atol=0.05)


@pytest.mark.parametrize("n_channels", [1, 2, 3, 4])
def test_three_channels(n_channels: int) -> None:
    channels = np.stack([np.full((2, 2), 0.2 * (i + 1), np.float32) for i in range(n_channels)])
    expected = {1: [51, 51, 51], 2: [51, 102, 76], 3: [51, 102, 153], 4: [51, 102, 153]}[n_channels]
    assert three_channels(channels)[0, 0].tolist() == pytest.approx(expected, abs=1)
