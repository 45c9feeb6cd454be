"""How embeddings are kept and read."""

import pytest

from featkit.core.errors import InputError
from featkit.core.options import ImportOptions, StoreOptions


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        (StoreOptions, {"dtype": "float8"}, "dtype must be one of float32, float16, got 'float8'"),
        (StoreOptions, {"shard_rows": 0}, "shard_rows must be at least 1, got 0. Leave it out for the default"),
        (StoreOptions, {"dimensions": ("a", "a")}, "dimensions must be different names, none empty"),
        (StoreOptions, {"dimensions": ("a", "")}, "dimensions must be different names, none empty"),
        (ImportOptions, {"groups": "patient"}, "groups must be one of patients, patches, got 'patient'. Did you mean"),
        (ImportOptions, {"columns": {"patient": 1}}, "columns must be text, got 1"),
        (ImportOptions, {"unlabelled": "yes"}, "unlabelled must be true or false, got 'yes'"),
    ],
)
def test_what_is_refused_is_one_line(kind, given, said):
    with pytest.raises(InputError) as caught:
        kind(**given)
    assert said in str(caught.value)
