"""The compiled kernels of rolling boosting under one name; `models.boosting_numpy` is the twin."""

from __future__ import annotations

from models.boosting_bins import code_column as code_column
from models.boosting_bins import next_due as next_due
from models.boosting_grow import grow as grow
from models.boosting_sample import draw_columns as draw_columns
from models.boosting_sample import gradients as gradients
from models.boosting_sample import random_below as random_below
from models.boosting_sample import take_sample as take_sample
from models.boosting_shap import contributions as contributions
from models.boosting_trees import margin as margin
from models.boosting_trees import margins as margins
from models.boosting_trees import partial_margin as partial_margin
from models.boosting_window import clipped as clipped
from models.boosting_window import drop as drop
from models.boosting_window import put as put
from models.boosting_window import route as route
