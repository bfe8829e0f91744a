"""The errors that a user can get: one class for each reaction of the user, with its exit code.

    FogflowError
    ├── UsageError          2   the command line itself: correct it
    ├── ConfigError         2   config.json, values.yaml, --set: correct the file
    ├── PreflightFailed    10   a precondition is not met: provide what is missing
    │   ├── ToolMissing        a program on this machine: install it
    │   ├── EdgeRefused        an edge's token, or a connection between edge and cloud: `id` says which
    │   └── Refused            it needs your explicit consent (a prompt, another cluster than last time)
    ├── ClusterError       11   the API server: reach it, or get the permissions
    │   └── Forbidden          permissions are missing: give the Role to an administrator
    ├── OperationFailed    20.. the release: read the cause; the code says in which state the release is
    ├── NotInstalled       41   there is no release: deploy it
    ├── Busy               50   another operation is running: wait
    └── Interrupted       130   you stopped it

An adapter turns the exceptions of its library into these (`raise ... from`). Every error has a hint: the next step.
"""

from __future__ import annotations

EXIT_CODES: dict[int, str] = {
    0: "success, or nothing to do",
    1: "a bug of this program: please report it",
    2: "the command line or the settings are wrong; the cluster was not contacted",
    3: "`diff --exit-code`: there are changes; `bench compare --fail-on-regression`: a figure became worse",
    10: "a precondition is not met; nothing was changed",
    11: "the cluster cannot be reached, or it denies access",
    20: "failed, and rolled back to the last working revision",
    21: "failed, and left in place (a first install, or `--no-rollback-on-failure`)",
    22: "failed, and the rollback failed, too",
    30: "timeout while the rollout was still progressing, or the keeper has not checked the newest pods yet",
    40: "FogFlow is installed and does not work as it should, or its keeper has stopped reporting (`status`, `verify`); `bench run`: something failed, was lost, or is above --slo",
    41: "the release does not exist",
    50: "another operation is running on the release",
    130: "interrupted",
}
"""Exit code of the process -> its meaning. The meaning of a number never changes."""


class FogflowError(Exception):
    """A failure that the user sees as `message` and `hint`; `exit_code` is the exit code of the process."""

    exit_code = 1
    id = ""  # of the catalogue's entry, if it has one: `fogflow-k8s explain ID`

    def __init__(self, message: str, *, hint: str = "", exit_code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if exit_code is not None:
            self.exit_code = exit_code


class UsageError(FogflowError):
    """The command line contradicts itself or contains an impossible value."""

    exit_code = 2


class ConfigError(FogflowError):
    """A settings file or `--set` is invalid; the message lists every problem, not only the first."""

    exit_code = 2


class PreflightFailed(FogflowError):
    """A precondition of the operation is not met; nothing was changed."""

    exit_code = 10


class ToolMissing(PreflightFailed):
    """A program is absent, too old, or known to be broken."""


class Refused(PreflightFailed):
    """The operation needs explicit consent: a prompt was answered with no, or the cluster is not that of the last operation."""


class EdgeRefused(PreflightFailed):
    """An edge cannot join, or edge and cloud cannot reach each other; `id` is the catalogue's id of the reason."""

    def __init__(self, id_: str, message: str, *, hint: str = "", exit_code: int | None = None) -> None:
        super().__init__(message, hint=hint, exit_code=exit_code)
        self.id = id_


class ClusterError(FogflowError):
    """The API server cannot be reached, does not accept the credentials, or forbids the request."""

    exit_code = 11

    def __init__(self, message: str, *, hint: str = "", status: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.status = status  # HTTP status; 0 when there was no answer

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed later: there was no answer, or the server was too busy or failed."""
        return self.status in (0, 408, 429) or self.status >= 500


class Forbidden(ClusterError):
    """Permissions are missing. `manifest` is the YAML that an administrator applies to grant them."""

    def __init__(self, message: str, *, hint: str, manifest: str) -> None:
        super().__init__(message, hint=hint, status=403)
        self.manifest = manifest


class OperationFailed(FogflowError):
    """Helm or the rollout failed; the exit code (20, 21, 22, 30) says in which state the release is."""

    exit_code = 21


class NotInstalled(FogflowError):
    """There is no such release in this namespace."""

    exit_code = 41


class Busy(FogflowError):
    """Another operation holds this release."""

    exit_code = 50


class Interrupted(FogflowError):
    """The user pressed Ctrl-C; the message says in which state the release is."""

    exit_code = 130
