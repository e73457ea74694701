"""Sphinx configuration. `make docs` builds with warnings as errors."""

from functools import cache
from importlib.metadata import version as installed_version

project = "triality"
author = "The triality authors"
copyright = "The triality authors, Apache-2.0"
release = version = installed_version("triality")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build", "Thumbs.db", ".DS_Store"]
templates_path = ["_templates"]
html_theme = "furo"
html_title = f"triality {release}"
html_static_path: list[str] = []

# Pages: $...$ and $$...$$ for mathematics, ::: for boxes, a link target for every heading.
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 4
myst_dmath_double_inline = True

# Reference: one page a module, made from the docstrings; signatures keep the shapes as they stand in the source.
autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_preserve_defaults = True
autodoc_typehints = "none"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_custom_sections = [("Fields", "params_style")]


def keep_equations(app, what, name, obj, options, lines: list[str]) -> None:
    """Show the indented equations of a docstring as they stand in the source, and keep |x| from being read as markup."""
    shown: list[str] = []
    literal = False
    for index, line in enumerate(lines):
        indented = line.startswith(" ")
        after_blank = index > 0 and not lines[index - 1].strip()
        before = next((text for text in reversed(lines[:index]) if text.strip()), "")
        if indented and after_blank and before and not before.startswith(" "):
            literal = True
            shown += ["::", ""]
        elif line.strip() and not indented:
            literal = False
        shown.append(line if literal or line.lstrip().startswith(">>>") else line.replace("|", "\\|"))
    lines[:] = shown


def one_sidebar_a_folder(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    """The tree of pages beside the reference and the sources, made once a folder: for each page anew it took four fifths of the build."""
    if pagename.startswith(("api/_generated/", "_modules/")) and "toctree" in context:
        # No page has this name, so that nothing in the tree is the page at hand, and all its links start from the same folder.
        neighbor = f"{pagename.rpartition('/')[0]}/-"
        context["toctree"] = lambda **options: _sidebar(app.builder, neighbor, tuple(sorted(options.items())))


@cache
def _sidebar(builder, pagename: str, options: tuple) -> str:
    return builder._get_local_toctree(pagename, **dict(options))


def setup(app) -> None:
    app.connect("autodoc-process-docstring", keep_equations, priority=400)
    app.connect("html-page-context", one_sidebar_a_folder, priority=400)
