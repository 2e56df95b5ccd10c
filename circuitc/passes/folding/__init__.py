"""Folding of hardware: which values are computed some lanes a step, and the body of one step."""

from .plan import Group, Product, plan_groups
from .step import StepBody

__all__ = ["Group", "Product", "StepBody", "plan_groups"]
