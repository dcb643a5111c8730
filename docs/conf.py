"""Settings of the site: `make docs` builds it with Sphinx; _site/reference.py writes the reference at every build."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_site"), str(HERE.parent)]

from docstrings import escaped, fields_as_arguments  # noqa: E402
from reference import write_commands, write_files, write_python  # noqa: E402

from bench import __version__  # noqa: E402

project, author, copyright = "lmc-bench", "the authors of lmc-bench", "the authors of lmc-bench, Apache-2.0"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]
exclude_patterns = ["_site"]

html_theme, html_title = "furo", f"lmc-bench {__version__}"
html_show_sourcelink, html_copy_source, smartquotes = False, False, False  # `--set` stays as it is typed
html_static_path = ["_site/static"]
html_css_files = ["site.css"]
copybutton_prompt_text, copybutton_only_copy_prompt_lines = "$ ", True

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "strikethrough"]
nitpicky = False  # types of other libraries are no pages here; links of our own pages are checked by MyST

autodoc_member_order = "bysource"
autodoc_typehints, autodoc_typehints_format, maximum_signature_line_length = "signature", "short", 90
autodoc_default_options = {"members": True}
autodoc_preserve_defaults = True
python_use_unqualified_type_names, add_module_names = True, False


def setup(app):
    """The reference is made of the commands' help and of docstrings, which are plain text and not reStructuredText."""
    folder = HERE / "reference"
    write_commands(folder / "commands")
    write_python(folder / "python")
    write_files(folder / "files.md")
    app.connect("autodoc-process-signature", lambda app, what, name, object_, *rest: fields_as_arguments(object_))
    app.connect("autodoc-process-docstring", lambda app, what, name, object_, options, lines: escaped(lines))
