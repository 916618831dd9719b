"""The benchmark of detection, localisation and linking against the tools a user could pick; see detection_linking.py.

`scale` says how large the run is, `movies` makes the synthetic data, `ours` and `peers` hold every call to exotrack and to the
others, `matching` counts; each section measures one thing and returns plain numbers; `page` turns them into Markdown.
"""
