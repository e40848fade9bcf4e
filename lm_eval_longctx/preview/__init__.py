"""One prompt as people look at it: made again from its recipe, with its needles in their surroundings."""

from lm_eval_longctx.preview.excerpts import Excerpt, excerpts
from lm_eval_longctx.preview.recipes import Recipes

__all__ = ["Excerpt", "Recipes", "excerpts"]
