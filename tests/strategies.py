"""Hypothesis strategies for settings that a person could write and the model accepts."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from fogflow_k8s.model.settings.base import local_only

# What YAML readers disagree about, first: it must come out as the text that went in.
# fmt: off
TRICKY = (
    "y", "n", "yes", "no", "on", "off", "true", "null", "~", "1e3", "0x10", "010", "1_000", ".5", "1:30",
    "2026-11-23", "", " ", "-", "#", "\u00e4", "\u65e5\u672c", "\u2028", "\u0085", "\U0001f600", "a: b", "{}",
    "'", '"', "\\", "\t", "<<", "=", "!!int 3", "&a", "*a", "%", "@", "`", "nan", "+1", "1.0",
)
# fmt: on
text = st.one_of(st.sampled_from(TRICKY), st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20))
label_map = st.dictionaries(text.filter(bool), text, max_size=4)

ports = st.lists(st.integers(1024, 65535), min_size=6, max_size=6, unique=True)


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    """A `config:` section."""
    port = draw(ports)
    return {
        "site_id": draw(st.from_regex(r"\A[A-Za-z0-9]{1,12}\Z") | st.sampled_from(["001", "1e3", "0x10", "on", "n"])),
        "coreservice_ip": draw(st.sampled_from(["", "192.0.2.10", "fogflow.example.org", "2001:db8::1"])),
        "physical_location": {
            "longitude": draw(st.floats(-180, 180)),
            "latitude": draw(st.floats(-90, 90) | st.integers(-90, 90)),
        },
        "discovery": {"http_port": port[0]},
        "broker": {"http_port": port[1], "heartbeat_interval": draw(st.integers(3, 300))},
        "master": {"ngsi_agent_port": port[2], "rest_api_port": port[3]},
        "designer": {"webSrvPort": port[4], "agentPort": port[5]},
        "worker": {"capacity": draw(st.integers(1, 10_000))},
    }


@st.composite
def settings(draw: st.DrawFn) -> dict[str, Any]:
    """Some of values.yaml."""
    tag = st.from_regex(r"\A[A-Za-z0-9_][A-Za-z0-9_.-]{0,12}\Z") | st.sampled_from(
        ["1e3", "0x10", "4.10", "y", "010", "2026-11-23"]
    )
    component = st.fixed_dictionaries(
        {},
        optional={
            "image": st.fixed_dictionaries({"tag": tag}),
            "nodeSelector": label_map,
            "podAnnotations": label_map,
            "tolerations": st.lists(
                st.fixed_dictionaries({"key": text, "tolerationSeconds": st.integers(0, 100)}), max_size=2
            ),
            "podSecurityContext": st.fixed_dictionaries({"fsGroup": st.none() | st.integers(0, 70_000)}),
        },
    )
    return draw(
        st.fixed_dictionaries(
            {},
            optional={
                "replicaCount": st.integers(1, 100),
                "config": configs(),
                "podAnnotations": label_map,
                "global": st.fixed_dictionaries({"nodeSelector": label_map}),
                "broker": component,
                "nginx": component,
                "externalIPs": st.lists(
                    st.ip_addresses().map(str).filter(lambda each: not local_only(each)), max_size=3
                ),
            },
        )
    )
