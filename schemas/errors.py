"""Names what is the user's to mend."""


class UserError(ValueError):
    """Something that the user can mend; its message is one line that says what, where and how. Never a traceback."""


def describe_yaml_fault(name: str, text: str | bytes, error: Exception) -> str:
    """Why a file is no YAML, in a line: where a merge stopped in it, else what the parser says."""
    lines = (text if isinstance(text, str) else text.decode(errors="replace")).splitlines()
    conflict = next((number for number, line in enumerate(lines, start=1) if line.startswith("<<<<<<< ")), None)
    if conflict is None:
        return f"{name}: not YAML: {' '.join(str(error).split())}"
    keep = f"keep one, `git checkout --ours {name}` or --theirs"
    return f"{name}, line {conflict}: a merge left both sides here; {keep}, and run `dvc repro`"
