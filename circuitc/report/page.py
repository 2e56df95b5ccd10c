"""A page of HTML: sections of paragraphs, tables and figures, with nothing from outside and no script.

The page forbids itself scripts and everything fetched (a content security policy), so even a mistake in escaping could
not make a model's name act.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

from .svg import STYLE

_CSS = STYLE + (
    "*{box-sizing:border-box}body{margin:0 auto;max-width:1280px;padding:24px;background:var(--paper);color:var(--ink);"
    "font:15px/1.5 system-ui,sans-serif}h1{font-size:24px;margin:0 0 4px;overflow-wrap:anywhere}"
    "h2{font-size:18px;margin:36px 0 8px;border-bottom:1px solid var(--line);padding-bottom:4px}p{margin:8px 0}"
    ".m{color:var(--muted)}nav a{margin-right:14px;color:inherit}table{border-collapse:collapse;margin:8px 0;"
    "font-size:13.5px;font-variant-numeric:tabular-nums}.wide{overflow-x:auto}td,th{padding:3px 14px 3px 0;"
    "text-align:left;vertical-align:top;border-bottom:1px solid var(--line);overflow-wrap:anywhere}"
    "th{font-weight:600;color:var(--muted)}td.n,th.n{text-align:right;white-space:nowrap}td.s{white-space:nowrap}"
    "details{background:var(--panel);border-radius:6px;padding:8px 12px;margin:8px 0}"
    "summary{cursor:pointer;font-weight:600}.row{display:flex;flex-wrap:wrap;gap:8px 12px;align-items:flex-start}"
    "svg{max-width:100%;height:auto}.note{border-left:3px solid var(--line);padding-left:10px;color:var(--muted)}")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@dataclass
class Page:
    """Sections by title, each a list of pieces of HTML; the methods escape what they are given."""

    title: str
    sections: dict[str, list[str]] = field(default_factory=dict)
    _at: str = ""

    def section(self, title: str) -> None:
        """Begin a section."""
        self._at = title
        self.sections[title] = []

    def put(self, piece: str) -> None:
        """Put HTML as it is: figures of ours."""
        self.sections[self._at].append(piece)

    def paragraph(self, text: str, kind: str = "") -> None:
        self.put(f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>")

    def table(self, head: Sequence[str], rows: Iterable[Sequence[str]], numbers: bool = False) -> None:
        """Put a table; with `numbers` all columns but the first are figures, set to the right."""
        self.put(table(head, rows, numbers))

    def details(self, summary: str, pieces: Iterable[str], opened: bool) -> None:
        """Put what can be folded away."""
        self.put(f"<details{' open' if opened else ''}><summary>{escape(summary)}</summary>\n"
                 + "\n".join(pieces) + "\n</details>")


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: bool = False) -> str:
    """Give a table as HTML."""
    def line(cells: Sequence[str], tag: str) -> str:
        kinds = ["n" if numbers and k else "s" if len(c) <= 24 else "" for k, c in enumerate(cells)]
        return "<tr>" + "".join(f'<{tag}{f" class={kind}" if kind else ""}>{escape(c)}</{tag}>'
                                for c, kind in zip(cells, kinds, strict=True)) + "</tr>"

    body = "\n".join(line(row, "td") for row in rows)
    return f'<div class="wide"><table>\n{line(head, "th") if any(head) else ""}{body}\n</table></div>'


def row(pieces: Iterable[str]) -> str:
    """Put pieces side by side, as many as fit."""
    return '<div class="row">' + "".join(f"<div>{p}</div>" for p in pieces) + "</div>"


def html_page(page: Page, words: str) -> str:
    """Print a page; `words` stand under its title."""
    names = {title: f"s{k}" for k, title in enumerate(page.sections)}
    links = " ".join(f'<a href="#{name}">{escape(title)}</a>' for title, name in names.items())
    body = "\n".join(f'<section id="{names[title]}"><h2>{escape(title)}</h2>\n' + "\n".join(pieces) + "\n</section>"
                     for title, pieces in page.sections.items())
    return (f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
            '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">\n'
            f"<title>{escape(page.title)}</title>\n<style>{_CSS}</style></head>\n<body><h1>{escape(page.title)}</h1>\n"
            f'<p class="m">{escape(words)}</p>\n<nav>{links}</nav>\n{body}\n</body></html>\n')
