"""Why the API server refuses a request: its own words in, the cause out. Pure.

A refusal has one of four reasons. Authorization (RBAC) does not give the user the verb; the namespace is being deleted;
an admission plugin (quota, LimitRange, Pod Security, a policy) forbids the object; an admission webhook denies the
object or does not answer. All but the webhooks' begin with the object: `services "nginx" is forbidden: ...`. The
patterns are anchored there, because a policy or a webhook writes what it likes after that.
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
# What admission plugins say after `is forbidden: `; a plugin with several complaints puts them into brackets.
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
    """An object that admission does not let in.

    `id` is in the catalogue of causes, `what` a phrase with `{}` for the object, `object` its resource and name as the
    API server writes them (`services "nginx"`; "" when the words name none), `words` all that the API server says.
    """

    id: str
    what: str
    object: str
    words: str

    def about(self, name: str) -> str:
        """The phrase about an object of that name."""
        return self.what.replace("{}", name)


def refusal(words: str) -> Refusal | None:
    """The refusal that the words of an API server report; None when admission has no part in it."""
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
    """Whether the words say that the user has no right to do it."""
    head = _FORBIDDEN.match(words)
    return bool(head and _RIGHT.match(words, head.end()))


def ending_namespace(words: str) -> str:
    """The namespace that takes no new objects because it is being deleted; "" when the words say nothing of one."""
    head = _FORBIDDEN.match(words)
    found = _ENDING.match(words, head.end()) if head else None
    return found[1] if found else ""


def from_first(words: str) -> str:
    """The words from the first refusal on, where another program writes its own words before it; "" when there is none."""
    starts = re.finditer(r"(?:^|: |\n|\* )(?=\S)", words)
    said = (words[start.end() :] for start in starts)
    return next((text for text in said if refusal(text) or lacks_right(text) or ending_namespace(text)), "")
