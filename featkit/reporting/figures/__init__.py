"""Figures of results, each a function from result objects to a matplotlib figure."""
