"""The errors a user can meet: one class per *reaction of the user*, each with its exit code.

    FogflowError
    ├── UsageError          2   the command line itself: correct it
    ├── ConfigError         2   config.json, values.yaml, --set: correct the file
    ├── PreflightFailed    10   something that had to be there is not: provide it
    │   ├── ToolMissing        a program on this machine: install it
    │   ├── EdgeRefused        an edge's token, or its way to the cloud and back: `id` says which
    │   └── Refused            we will not do it without a word of yours (prompt, other cluster)
    ├── ClusterError       11   the API server: reach it, or get the rights
    │   └── Forbidden          these rights are missing: give the Role to an administrator
    ├── OperationFailed    20.. the release: read the cause; the code says where it was left
    ├── NotInstalled       41   there is no release: deploy it
    ├── Busy               50   somebody else is at it: wait
    └── Interrupted       130   you stopped it

Library exceptions stop at the adapter that met them (`raise ... from`). Every error carries a hint: the next thing to do.
"""

from __future__ import annotations

EXIT_CODES: dict[int, str] = {
    0: "success, or nothing to do",
    1: "a bug of this program: please report it",
    2: "the command line or the settings are wrong; the cluster was not contacted",
    3: "`diff --exit-code`: there are changes",
    10: "a precondition is not met; nothing was changed",
    11: "the cluster cannot be reached, or it denies access",
    20: "failed, and rolled back to the last working revision",
    21: "failed, and left in place (a first install, or `--no-rollback-on-failure`)",
    22: "failed, and the rollback failed, too",
    30: "timeout while the rollout was still progressing, or the keeper has not checked the newest pods yet",
    40: "FogFlow is installed and does not work as it should, or its keeper has stopped reporting (`status`, `verify`)",
    41: "the release does not exist",
    50: "another operation is running on the release",
    130: "interrupted",
}
"""Exit code of the process -> its meaning. The meaning of a number never changes."""


class FogflowError(Exception):
    """A failure that is told to the user as `message` and `hint`; `exit_code` is the process's."""

    exit_code = 1
    id = ""  # in the catalogue, when there is more to say: `fogflow-k8s explain ID`

    def __init__(self, message: str, *, hint: str = "", exit_code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if exit_code is not None:
            self.exit_code = exit_code


class UsageError(FogflowError):
    """The command line contradicts itself or names something that cannot be."""

    exit_code = 2


class ConfigError(FogflowError):
    """A settings file or `--set` is not acceptable; the message lists every problem, not only the first."""

    exit_code = 2


class PreflightFailed(FogflowError):
    """Nothing was changed: a thing that the operation needs is absent."""

    exit_code = 10


class ToolMissing(PreflightFailed):
    """A program is absent, too old, or known to be broken."""


class Refused(PreflightFailed):
    """We could, but will not without an explicit word: a prompt answered no, another cluster than last time."""


class EdgeRefused(PreflightFailed):
    """An edge cannot join, or its way to the cloud and back is not open; `id` says which of the ways to fail it is."""

    def __init__(self, id_: str, message: str, *, hint: str = "", exit_code: int | None = None) -> None:
        super().__init__(message, hint=hint, exit_code=exit_code)
        self.id = id_


class ClusterError(FogflowError):
    """The API server cannot be reached, does not know us, or forbids it."""

    exit_code = 11

    def __init__(self, message: str, *, hint: str = "", status: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.status = status  # HTTP status; 0 when there was no answer

    @property
    def passing(self) -> bool:
        """Whether the same request may succeed in a while: nothing was answered, or that the server cannot do it now."""
        return self.status in (0, 408, 429) or self.status >= 500


class Forbidden(ClusterError):
    """Rights are missing. `manifest` is what an administrator applies to give them, as YAML."""

    def __init__(self, message: str, *, hint: str, manifest: str) -> None:
        super().__init__(message, hint=hint, status=403)
        self.manifest = manifest


class OperationFailed(FogflowError):
    """Helm or the rollout failed; the exit code (20, 21, 22, 30) says how the release was left."""

    exit_code = 21


class NotInstalled(FogflowError):
    """There is no such release in this namespace."""

    exit_code = 41


class Busy(FogflowError):
    """Another operation holds this release."""

    exit_code = 50


class Interrupted(FogflowError):
    """The user pressed Ctrl-C; the message says in what state things were left."""

    exit_code = 130
