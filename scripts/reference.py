"""docs/cli.md: every verb with its options, from the parser itself, so that it cannot say anything else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from fogflow_k8s.cli import app
from fogflow_k8s.commands.grouped import heading
from fogflow_k8s.errors import EXIT_CODES

HEAD = """# Command line

Generated from the program by `make generate`; do not edit.

    fogflow-k8s [GLOBAL OPTIONS] VERB [ARGUMENTS] [OPTIONS]

You can write global options before or after the command, as with kubectl and helm. Results go to stdout, progress to stderr.
A flag takes precedence over its environment variable, a variable over a file, and a file over the default.
[json.md](json.md) describes the documents that `-o json` and `-o jsonl` print.
"""
EXAMPLES: dict[str, tuple[str, ...]] = {
    "deploy": (
        "fogflow-k8s deploy --external-ip 192.0.2.10 --config examples/config.json",
        "fogflow-k8s deploy --values site.yaml --set replicaCount=3 --timeout 10m -o jsonl",
        "fogflow-k8s deploy --dry-run=server --values site.yaml",
    ),
    "status": ("fogflow-k8s status", "fogflow-k8s status --wait --timeout 2m", "fogflow-k8s status -o json | jq -r .state"),
    "rollback": ("fogflow-k8s rollback", "fogflow-k8s rollback 3 --yes"),
    "history": ("fogflow-k8s history -n fogflow",),
    "uninstall": ("fogflow-k8s uninstall --dry-run", "fogflow-k8s uninstall --yes --delete-data"),
    "verify": ("fogflow-k8s verify --junit fogflow.xml",),
    "restart": ("fogflow-k8s restart", "fogflow-k8s restart designer"),
    "logs": ("fogflow-k8s logs master -f", "fogflow-k8s logs rabbitmq --previous"),
    "dashboard": ("fogflow-k8s dashboard",),
    "render": ("fogflow-k8s render -o out --config examples/config.json",),
    "version": ("fogflow-k8s version -o json",),
    "explain": ("fogflow-k8s explain FK-4001",),
    "check": ("fogflow-k8s check --pre --external-ip 192.0.2.10", "fogflow-k8s check --fail-on warning --suppress docker --junit check.xml"),
    "diff": ("fogflow-k8s diff --values site.yaml", "fogflow-k8s diff --exit-code -o json"),
    "bundle": ("fogflow-k8s bundle --since 24h",),
    "doctor": ("fogflow-k8s doctor", "fogflow-k8s doctor --fix"),
    "config validate": ("fogflow-k8s config validate --config config.json --values site.yaml",),
    "config explain": ("fogflow-k8s config explain expose.type --values site.yaml",),
    "images list": ("fogflow-k8s images list",),
    "images check": ("fogflow-k8s images check --pin digests.yaml",),
    "images mirror": ("fogflow-k8s images mirror --to registry.example:5000/fogflow --values-out mirror.yaml",),
    "images build": ("fogflow-k8s images build --load default", "fogflow-k8s images build --platform linux/arm64 --save worker.tar", "fogflow-k8s images build --with-bench --push registry.example/worker:1"),
    "task list": ("fogflow-k8s task list", "fogflow-k8s task list -o wide"),
    "task run": ("fogflow-k8s task run --image registry.example/counter:1 --input Temperature --output Count --param cpu-request=50m",),
    "task logs": ("fogflow-k8s task logs run-3f09aa -f",),
    "task stop": ("fogflow-k8s task stop run-3f09aa --yes",),
    "bench run": (
        "fogflow-k8s bench run update notify --save before.json",
        "fogflow-k8s bench run update --find-capacity --slo p99=100ms -o html > capacity.html",
        "fogflow-k8s bench run task --entities 100 --rate 20 -o json",
    ),
    "bench compare": ("fogflow-k8s bench compare before.json after.json --fail-on-regression",),
    "bench list": ("fogflow-k8s bench list",),
    "edge join": ("fogflow-k8s edge join - < token", "fogflow-k8s edge join - --external-ip 10.8.0.7 --connectivity overlay < token"),
    "edge check": ("fogflow-k8s edge check",),
    "edge list": ("fogflow-k8s edge list --prune",),
    "edge leave": ("fogflow-k8s edge leave --yes", "fogflow-k8s edge leave --cloud-context cloud"),
    "edge remove": ("fogflow-k8s edge remove 002",),
    "edge token create": ("fogflow-k8s edge token create --site 002 --ttl 1h --edge-cidr 198.51.100.7/32",),
    "sandbox up": ("fogflow-k8s sandbox up", "fogflow-k8s sandbox up --real --nodes 3"),
    "sandbox down": ("fogflow-k8s sandbox down",),
    "sandbox status": ("fogflow-k8s sandbox status",),
    "sandbox kubeconfig": ("fogflow-k8s sandbox kubeconfig > kubeconfig",),
    "sandbox env": ('eval "$(fogflow-k8s sandbox env)"',),
    "sandbox load": ("fogflow-k8s sandbox load images.tar",),
    "sandbox node stop": ("fogflow-k8s sandbox node stop sandbox-worker2",),
    "sandbox node start": ("fogflow-k8s sandbox node start sandbox-worker2",),
}  # fmt: skip


def reference() -> str:
    """The whole page."""
    program = get_command(app)
    sections = _sections(program)
    verbs = [each for section in sections.values() for each in section]
    parts = [
        HEAD,
        "## Global options\n",
        _options([p for p in program.params if not str(p.name).endswith("completion")]),
    ]
    parts += ["## Verbs\n"]
    for title, section in sections.items():
        lines = [f"- [{name}](#{name.replace(' ', '-')}): {_first(verb.help)}" for name, verb in section]
        parts += [f"{title}:\n", "\n".join(lines) + "\n"]
    for name, verb in verbs:
        parts += [f"## {name}\n", f"    {_usage(name, verb)}\n", f"{_text(verb.help)}\n"]
        parts += [table] if (table := _options(verb.params)) else []
        parts += ["".join(f"    {line}\n" for line in EXAMPLES[name])]
    codes = "".join(f"| {code} | {says} |\n" for code, says in EXIT_CODES.items())
    parts += ["## Exit codes\n", f"| code | means |\n|---|---|\n{codes}", _completion()]
    return "\n".join(parts)


def names() -> list[str]:
    """Every verb there is."""
    return [name for name, _ in _verbs(get_command(app), ())]


def _sections(program: Any) -> dict[str, list[tuple[str, Any]]]:
    """The headings of `fogflow-k8s --help` -> the verbs below each."""
    found: dict[str, list[tuple[str, Any]]] = {}
    for name, verb in _verbs(program, ()):
        found.setdefault(heading(program.commands[name.split()[0]]), []).append((name, verb))
    return found


def _verbs(group: Any, above: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _verbs(command, (*above, name))
        elif not command.hidden:
            yield " ".join((*above, name)), command


def _usage(name: str, verb: Any) -> str:
    arguments = [
        p.make_metavar(verb.make_context(name, [], resilient_parsing=True))
        for p in verb.params
        if not p.opts[0].startswith("-")
    ]
    return " ".join(["fogflow-k8s", name, *arguments, "[OPTIONS]"])


def _options(params: list[Any]) -> str:
    rows = [_row(p) for p in params if not getattr(p, "hidden", False) and p.name != "help"]
    return "| | |\n|---|---|\n" + "".join(rows) if rows else ""


def _row(param: Any) -> str:
    flags = ", ".join(f"`{o}`" for o in sorted(param.opts, key=len, reverse=True))
    flags += "".join(f", `{o}`" for o in param.secondary_opts)
    more = []
    if variable := getattr(param, "envvar", None):
        more.append(f"variable `{variable}`")
    if param.default not in (None, "", [], False) and not callable(param.default):
        shown = param.secondary_opts[0] if param.default is False and param.secondary_opts else param.default
        more.append(f"default {param.opts[0] if shown is True else shown}")
    tail = f" ({'; '.join(more)})" if more else ""
    name = flags if flags.startswith("`-") else f"`{param.name.upper().strip('_')}`"
    return f"| {name} | {_text(param.help or '')}{tail} |\n"


def _first(text: str) -> str:
    return re.split(r"(?<=[.:;])\s+", _text(text), maxsplit=1)[0].rstrip(";:.") + "."


def _text(text: str) -> str:
    """Running text: paragraphs stay, line ends within one go."""
    return "\n\n".join(" ".join(p.split()) for p in (text or "").split("\n\n"))


def _completion() -> str:
    return (
        "## Completion\n\n"
        "`fogflow-k8s --install-completion` for the shell in use (bash, zsh, fish): verbs, options and their words, contexts,\n"
        "namespaces, revisions, components, tasks, ids, keys of the settings.\n"
    )
