"""What holds for all tests: no test is timed, hypothesis' examples included."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
