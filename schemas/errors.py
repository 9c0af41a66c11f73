"""Names what is the user's to mend."""


class UserError(ValueError):
    """Something that the user can mend; its message is one line that says what, where and how. Never a traceback."""
