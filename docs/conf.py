"""Builds the site from these pages and the docstrings, without network: `make docs`."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

project = 'mmdet_multimix'
author = 'The mmdet_multimix contributors'
project_copyright = author
release = re.search(r"__version__ = '(.+)'", (ROOT / project / 'version.py').read_text())[1]

extensions = [
    'myst_nb',
    'sphinx.ext.autodoc',
    'sphinx.ext.napoleon',
    'sphinx_copybutton',
]
exclude_patterns = ['_build']
myst_enable_extensions = ['colon_fence', 'deflist']
myst_heading_anchors = 4
nb_execution_mode = 'off'  # a test runs the tutorial; the site shows what it gave

autodoc_member_order = 'bysource'
autodoc_typehints = 'description'
autodoc_typehints_description_target = 'documented'
autodoc_preserve_defaults = True
autodoc_default_options = {'members': True, 'show-inheritance': True, 'exclude-members': '__new__'}
napoleon_google_docstring = True
napoleon_numpy_docstring = False

html_theme = 'furo'
html_title = f'mmdet_multimix {release}'
html_static_path = ['_static']
html_css_files = ['site.css']
html_show_sphinx = False
html_copy_source = False
html_theme_options = {'navigation_with_keys': True}
copybutton_prompt_text = r'\$ |>>> '
copybutton_prompt_is_regexp = True
