"""What every build has to say: its figures, what was checked and how, and its passes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .page import Page


def build_page(report: Mapping[str, Any], certificate: Mapping[str, Any], size: Iterable[str] = ()) -> Page:
    """Begin a page with a build's figures and claims, as its report and certificate state them."""
    page = Page(f"{report['model']} for {report['target']}")
    page.section("Summary")
    figures = [(k.replace("_", " "), str(v)) for k, v in report["figures"].items() if v not in ("", None, False)]
    page.table(("", ""), figures)
    lines = list(size)
    if lines:
        page.table(("size",), [(line,) for line in lines])
    page.section("What was checked")
    claims = certificate["claims"]
    page.table(("evidence", "claim", "by"), [(c["evidence"], c["claim"], method_of(c)) for c in claims])
    page.paragraph("Nothing is claimed that is not in this table." if claims else "Nothing was checked.", "note")
    records = report["facts"].get("passes", [])
    if records:
        page.section("Passes")
        page.table(("pass", "kind", "program", "evidence"), [
            (r["name"], "exact" if r["exact"] else "approximate", "changed" if r["changed"] else "no change",
             level_of(r["evidence"])) for r in records])
    return page


def method_of(claim: Mapping[str, Any]) -> str:
    """Say how a claim was come by."""
    return ", ".join(str(claim[k]) for k in ("method", "solver", "note", "reader") if claim.get(k))


def level_of(evidence: Mapping[str, Any]) -> str:
    """Say what evidence a pass left."""
    return " ".join(str(evidence[k]) for k in ("level", "vectors") if k in evidence)


def words_of(report: Mapping[str, Any], certificate: Mapping[str, Any]) -> str:
    """Say what made the build."""
    return f"{certificate.get('tool', 'circuitc')}; a build for {report['target']}, main file {report['main']}"


__all__ = ["build_page", "level_of", "method_of", "words_of"]
