"""Certified solvers of sparse logistic problems: arrays in, paths with duality gaps out."""
