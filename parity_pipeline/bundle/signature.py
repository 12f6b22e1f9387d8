"""Sign a bundle's manifest with an SSH key, and verify that: `ssh-keygen -Y`, which every OpenSSH since 8.0 has.

Here belong the calls of that program. Keys stay where they are: a key may be in an agent or on a token, and ssh-keygen itself
asks for a passphrase.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from parity_pipeline.core.errors import ArtifactError, SettingsError

NAMESPACE: Final = "parity-bundle"
"""What a signature is for: one that was made for another purpose does not count."""
_SECONDS: Final = 120.0
"""Longest wait for ssh-keygen, which may ask for a passphrase."""


def sign(content: bytes, key: Path) -> bytes:
    """Return the signature of a manifest.

    Args:
        content: The manifest.
        key: The private key; or the public one, if an agent holds the private one.

    Raises:
        SettingsError: The key cannot be used, or there is no ssh-keygen.
    """
    with tempfile.TemporaryDirectory(prefix="parity-sign-") as folder:
        path = Path(folder) / "manifest"
        path.write_bytes(content)
        done = _run("sign", "-q", "-f", str(key), "-n", NAMESPACE, str(path))
        signature = path.with_name("manifest.sig")
        if done.returncode or not signature.exists():
            raise SettingsError(
                f"ssh-keygen cannot sign with this key: {_words(done.stderr)}",
                place=str(key),
                remedy="Name a private key, or the public key of one that your agent holds.",
            )
        return signature.read_bytes()


def verify_signature(content: bytes, signature: bytes, signers: Path, signer: str, place: str) -> None:
    """Check that a manifest was signed by someone.

    Args:
        content: The manifest.
        signature: Its signature.
        signers: File of allowed signers, in the form of `ssh-keygen(1)`: a line of identity and public key each.
        signer: The identity that has to have signed it.
        place: The bundle.

    Raises:
        ArtifactError: It was not signed by that signer, or was changed after that.
        SettingsError: There is no ssh-keygen, or no file of signers.
    """
    if not signers.is_file():
        raise SettingsError("there is no file of allowed signers", place=str(signers), remedy="Name it with --signers.")
    with tempfile.TemporaryDirectory(prefix="parity-sign-") as folder:
        path = Path(folder) / "manifest.sig"
        path.write_bytes(signature)
        named = ("-f", str(signers), "-I", signer, "-n", NAMESPACE, "-s", str(path))
        done = _run("verify", "-q", *named, content=content)
    if done.returncode:
        raise ArtifactError(
            f"this bundle is not signed by {signer!a}: {_words(done.stderr + done.stdout)}",
            place=place,
            remedy="Ask for a bundle that is, or check the file of allowed signers.",
        )


def _run(*arguments: str, content: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    program = shutil.which("ssh-keygen")
    if program is None:
        raise SettingsError(
            "there is no ssh-keygen on this machine", place="--key or --signers", remedy="Install OpenSSH."
        )
    command = [program, "-Y", *arguments]
    try:
        return subprocess.run(command, input=content, capture_output=True, check=False, timeout=_SECONDS)  # noqa: S603 - ssh-keygen
    except subprocess.TimeoutExpired as error:
        raise SettingsError(
            f"ssh-keygen did not end within {_SECONDS:.0f} s", place="--key", remedy="Use a key that your agent holds."
        ) from error


def _words(output: bytes) -> str:
    return " ".join(output.decode("utf-8", "replace").split()) or "no reason was given"
