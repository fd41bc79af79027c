"""Why a file cannot be written, and what to do about it."""

import errno
import os

__all__ = ["reason_of"]

_SAYS = {
    errno.ENOSPC: "the disk is full; free space, or lower keep and rotate_bytes",
    errno.EDQUOT: "the disk quota is used up; free space, or raise it",
    errno.EROFS: "its file system is read-only",
    errno.ENOENT: "its directory does not exist; create it",
    errno.ENOTDIR: "a part of the path is no directory",
    errno.EISDIR: "is a directory; write the name of a file",
    errno.EFBIG: "would become larger than the limit on file size (ulimit -f); lower rotate_bytes",
    errno.EPIPE: "nobody reads it any more",
    errno.ENXIO: "nobody reads it",
    errno.EBADF: "is closed",
}
_NOT_ALLOWED = (errno.EACCES, errno.EPERM)


def reason_of(error: OSError, path: str) -> str:
    """One line: the path, what is wrong, what to do."""
    shown = "standard output" if path == "-" else path
    if error.errno in _NOT_ALLOWED:
        return f"{shown}: user {os.geteuid()} may not write it; give it rights on the file and its directory"
    says = _SAYS.get(error.errno or 0) or error.strerror or str(error) or type(error).__name__
    return f"{shown}: {says}"
