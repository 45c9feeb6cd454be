"""Solvers of sparse logistic models: arrays in, certified paths out.

The contract: a design (d, n) of float32 columns, labels, weights and penalties go in, checked by
`featkit.sparse.solvers.design`; out comes a `featkit.sparse.solvers.path_record.PathRecord`, in which every penalty has
its solution and a duality gap, an upper bound on how far its objective is from the minimum. Nothing here knows of
patients' folds, options, files or results. Results do not depend on the number of threads.
"""
