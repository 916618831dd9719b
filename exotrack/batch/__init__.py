"""A study: many movies on Dask, on this machine, on SLURM or on any cluster; it resumes where it stopped.

* `study`, `settings`, `places`, `names`: a study file and its movies, checked whole before anything runs.
* `store`, `remote`: where results and movies lie, a folder or a URL.
* `stamp`, `plan`, `lock`: what is done already and still holds, and that only one run at a time works on it.
* `work`, `marker`, `dataset`: what a worker does with one movie.
* `cluster`, `slurm`, `profile`, `drive`: where the workers are, and the window of movies on them.
* `run`, `record`, `status`: a study from beginning to end, and what there is to see of it.

The unit is a movie: a worker reads, analyses and writes it, and returns a few lines. Nothing here changes a table.
"""
