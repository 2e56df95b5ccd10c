"""Parts of the pass `quantize`: number formats, calibration, grids, forms, rules for ops, function tables, budgets."""
