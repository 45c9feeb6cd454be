import numpy as np
import pytest
from matplotlib.text import Text

from featkit import reporting
from featkit.core.errors import InputError


def texts(figure):
    return [t.get_text() for t in figure.findobj(Text) if t.get_text()]


def test_map_counts_what_it_cannot_list_and_orders_domains():
    domain = np.array(["site 10", "site 2", "seedbank"] * 10)
    points = np.random.default_rng(0).normal(size=(30, 2))
    figure = reporting.embedding_map(points, domain, domain, np.arange(30), domain_name="site")
    legend = [t.get_text() for t in figure.axes[1].get_legend().get_texts()]
    assert legend == ["seedbank", "site 2", "site 10"]
    assert {"patient (30)", "site"} <= set(texts(figure))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: reporting.embedding_map(np.zeros((3, 3)), [0] * 3, [0] * 3, [0] * 3), "two coordinates"),
        (lambda: reporting.patch_montage([np.zeros((2, 2, 3))], ["a"]), "uint8"),
        (lambda: reporting.patch_montage([], ["a"]), "one per patch"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(InputError, match=message):
        call()
