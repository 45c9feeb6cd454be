"""Ground floor: errors, registry, configuration, seeds, provenance and result types (standard library and numpy)."""
