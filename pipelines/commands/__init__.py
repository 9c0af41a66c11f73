"""Commands of `flywheel` by what they are about, small functions that import late; pipelines/cli.py names them."""
