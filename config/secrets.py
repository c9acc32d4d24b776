"""Secrets that stand in a file of their own: `…_file` in YAML, `…_FILE` in the environment."""

from pathlib import Path

from config.refusals import refusal

LARGEST_SECRET_BYTES = 65_536  # ours: a secret is a line; anything larger is the wrong file


def read_secret(path: Path) -> str:
    """The secret in a file, without the line break at its end. A refusal names the file, never what is in it."""
    remedy = "name a readable file that holds the secret alone"
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_SECRET_BYTES + 1)
    except OSError as error:
        raise refusal(f"the secret file {path} can't be read: {error.strerror}", remedy) from None
    except ValueError:
        raise refusal("the name of the secret file can't be one", remedy) from None
    if len(raw) > LARGEST_SECRET_BYTES:
        raise refusal(f"the secret file {path} is larger than {LARGEST_SECRET_BYTES} bytes", remedy)
    try:
        secret = raw.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise refusal(f"the secret file {path} is not text", remedy) from None
    if not secret.strip():
        raise refusal(f"the secret file {path} is empty", remedy)
    return secret
