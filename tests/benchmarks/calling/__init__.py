"""Parts of the script calling_axes.py, which says what is measured and how to run it."""
