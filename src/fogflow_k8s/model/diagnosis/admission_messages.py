"""Why the API server refuses a request, from its message.

There are four reasons: authorization (RBAC) does not permit the verb; the namespace is being deleted; an admission plugin (quota,
LimitRange, Pod Security, a policy) forbids the object; an admission webhook denies the object or does not answer. All messages
except those of webhooks begin with the object: `services "nginx" is forbidden: ...`. The patterns match there, because the rest
of the message is free text of the policy or webhook.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_OBJECT = r'(?:[\w./-]+(?: "[^"]*")?|"")'
_FORBIDDEN = re.compile(rf"(?:(?P<object>{_OBJECT}) is )?forbidden: ")
_RIGHT = re.compile(
    r'User (?:"[^"]*"|\S+) cannot\b|user "[^"]*" \(groups=|cannot set (?:blockOwnerDeletion|an ownerRef)'
)
_ENDING = re.compile(r"unable to create new content in namespace (\S+) because it is being terminated")
_UNANSWERED = re.compile(r'(?:Internal error occurred: )?failed calling (?:admission )?webhook (?P<name>"[^"]*")')
_DENIED = re.compile(r'admission webhook "[^"]*" denied the request')
# What admission plugins write after `is forbidden: `; a plugin with several reasons puts them into brackets.
_PLUGINS = tuple(
    (re.compile(rf"\[?(?:{pattern})"), id_, what)
    for pattern, id_, what in (
        (r"(?:exceeded|failed) quota: |status unknown for quota: |insufficient quota to |quota usage is negative ",
         "FK-3010", "a ResourceQuota does not allow {}"),
        (r"(?:maximum|minimum) \S+ usage per |\S+ max limit to request ratio per ", "FK-3013", "a LimitRange does not allow {}"),
        (r"error looking up service account ", "FK-1207", "the ServiceAccount of {} does not exist"),
        (r"no PriorityClass with name ", "FK-1205", "the PriorityClass of {} does not exist"),
        (r"violates PodSecurity ", "FK-3011", "Pod Security does not allow {}"),
    )
)  # fmt: skip
_REFUSED = "admission refuses {}"


@dataclass(frozen=True)
class Refusal:
    """An object that admission refuses.

    `id` is in the catalogue of causes, `what` a phrase with `{}` for the object, `object` its resource and name as the
    API server writes them (`services "nginx"`; "" when the message has none), `words` the whole message.
    """

    id: str
    what: str
    object: str
    words: str

    def about(self, name: str) -> str:
        """The phrase with the object's name."""
        return self.what.replace("{}", name)


def refusal(words: str) -> Refusal | None:
    """The refusal by admission that the API server's message reports; None for every other message."""
    if found := _UNANSWERED.match(words):
        return Refusal("FK-3014", "the admission webhook " + found["name"] + ", which has to allow {}, does not answer", "", words)  # fmt: skip
    if _DENIED.match(words):
        return Refusal("FK-3011", _REFUSED, "", words)
    head = _FORBIDDEN.match(words)
    if not head or not head["object"] or _RIGHT.match(words, head.end()) or _ENDING.match(words, head.end()):
        return None
    plugin = ((id_, what) for pattern, id_, what in _PLUGINS if pattern.match(words, head.end()))
    id_, what = next(plugin, ("FK-3011", _REFUSED))
    return Refusal(id_, what, head["object"].replace('""', ""), words)


def lacks_right(words: str) -> bool:
    """Whether the message says that the user has no permission."""
    head = _FORBIDDEN.match(words)
    return bool(head and _RIGHT.match(words, head.end()))


def ending_namespace(words: str) -> str:
    """The namespace that accepts no new objects because it is being deleted; "" for every other message."""
    head = _FORBIDDEN.match(words)
    found = _ENDING.match(words, head.end()) if head else None
    return found[1] if found else ""


def from_first(words: str) -> str:
    """The message from its first refusal on, without what another program wrote before it; "" without a refusal."""
    starts = re.finditer(r"(?:^|: |\n|\* )(?=\S)", words)
    rests = (words[start.end() :] for start in starts)
    return next((text for text in rests if refusal(text) or lacks_right(text) or ending_namespace(text)), "")
