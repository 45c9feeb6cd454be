"""Images, manifests and patient-disjoint splits."""

from featkit.core.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "ADAPTERS": "featkit.data.adapters",
        "Manifest": "featkit.data.manifest",
        "Split": "featkit.data.split",
        "all_folds": "featkit.data.leave_one_out",
        "check_images": "featkit.data.images",
        "class_order": "featkit.data.classes",
        "find_duplicates": "featkit.data.duplicates",
        "from_roles": "featkit.data.split",
        "generate_cohort": "featkit.data.tissue.cohort",
        "leave_one_domain_out": "featkit.data.leave_one_out",
        "official_folds": "featkit.data.breakhis_folds",
        "pixel_hash": "featkit.data.images",
        "read_rgb": "featkit.data.images",
    },
)
