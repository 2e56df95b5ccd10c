"""Rewrite rules: small functions from an old node to a new value, one table for each family of ops."""

from . import arithmetic, choice, conversion, structure
from .rule import Rule, Site

RULES: dict[str, tuple[Rule, ...]] = {
    op: rules for family in (arithmetic.RULES, choice.RULES, conversion.RULES, structure.RULES)
    for op, rules in family.items()}
"""The rules of each op, tried in order; the first that answers a value wins."""

__all__ = ["RULES", "Rule", "Site"]
