"""Reports that people look at: pages of HTML and figures in SVG, with nothing fetched and no scripts."""

from .page import Page, html_page

__all__ = ["Page", "html_page"]
