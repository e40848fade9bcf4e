"""Models x tasks x lengths x seeds as cells, on this machine or on many."""

from lm_eval_longctx.matrix.cells import Cell, cells_of, whole_sweeps
from lm_eval_longctx.matrix.drive import Driver, Store
from lm_eval_longctx.matrix.specification import EXAMPLE, Matrix, ModelEntry, read_matrix

__all__ = ["EXAMPLE", "Cell", "Driver", "Matrix", "ModelEntry", "Store", "cells_of", "read_matrix", "whole_sweeps"]
