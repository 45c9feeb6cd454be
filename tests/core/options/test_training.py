"""Encoders, training and extraction: nothing that no machine has, before any work."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from featkit.core.errors import InputError
from featkit.core.options import EncoderOptions, ExtractOptions, TrainOptions
from featkit.core.options.training import check_device


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        (TrainOptions, {"methods": ()}, "methods must be at least one method"),
        (TrainOptions, {"seeds": ()}, "seeds must be at least one seed"),
        (TrainOptions, {"seeds": (0, -1)}, "a seed must be a whole number of at least 0, got -1"),
        (TrainOptions, {"n_epochs": 0}, "n_epochs must be at least 1 and at most 1,000,000, got 0"),
        (TrainOptions, {"batch_size": 0}, "batch_size must be at least 1, got 0"),
        (TrainOptions, {"patience": -1}, "patience must be at least 0, got -1"),
        (TrainOptions, {"colour_jitter": 1.0}, "colour_jitter must be at least 0 and below 1"),
        (TrainOptions, {"n_jobs": 0}, "n_jobs must be between 1 and 1,024, got 0"),
        (TrainOptions, {"cache_bytes": -1}, "cache_bytes must be at least 0"),
        (TrainOptions, {"augmentation": "dihedrl"}, "Did you mean 'dihedral'"),
        (TrainOptions, {"precision": "float8"}, "precision must be one of auto, float32, float16, bfloat16"),
        (TrainOptions, {"method_options": {"grl": 5}}, "method_options must be a table, got 5"),
        (ExtractOptions, {"dtype": "float8"}, "dtype must be one of float32, float16, got 'float8'"),
        (ExtractOptions, {"batch_size": 0}, "batch_size must be at least 1, got 0"),
        (ExtractOptions, {"n_jobs": 0}, "n_jobs must be between 1 and 1,024, got 0"),
        (ExtractOptions, {"strict": 1}, "strict must be true or false, got 1"),
        (EncoderOptions, {"offline": "no"}, "offline must be true or false, got 'no'"),
    ],
)
def test_what_is_refused_is_one_line(kind, given, said):
    with pytest.raises(InputError) as caught:
        kind(**given)
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("kind", [TrainOptions, ExtractOptions])
@pytest.mark.parametrize("device", ["gpu", "GPU 0", "nvidia"])
def test_a_gpu_by_another_name_is_told_its_own(kind, device):
    with pytest.raises(InputError, match=r"device must be auto, cpu or cuda, got .* Use 'cuda' for a GPU"):
        kind(device=device)


@pytest.mark.parametrize("device", ["cudaa", "cuda:", "cuda:x", "CPU", "", "cuda:0\n"])
def test_other_devices_get_the_nearest_name(device):
    with pytest.raises(InputError, match="device must be auto, cpu or cuda, got"):
        check_device(device)


@given(st.integers(0, 99))
def test_a_gpu_may_be_named_by_its_number(number):
    assert TrainOptions(device=f"cuda:{number}").device == f"cuda:{number}"
