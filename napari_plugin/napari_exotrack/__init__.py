"""exotrack in napari: results folders and the shipped samples as layers.

`_convert` turns tables into layer data and back without Qt, `_reader` opens a results folder, `_sample_data` the shipped
movies. ``napari.yaml`` lists what is offered.
"""
