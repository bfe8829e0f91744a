"""The lines of a log that are shown with a cause."""

from hypothesis import given
from hypothesis import strategies as st

from fogflow_k8s.model.diagnosis.log_excerpt import WIDTH, notable

LOG = """\
2026/01/01 starting master 3.2.8
listening on 1060
dial tcp 10.0.0.1:5672: connection refused (try 1)
dial tcp 10.0.0.1:5672: connection refused (try 2)
dial tcp 10.0.0.1:5672: connection refused (try 3)
GET /status 200
\x1b[31mWARN\x1b[0m no broker
GET /status 200
GET /status 200
panic: runtime error
exit
"""


def test_beginning_trouble_and_end_in_order_and_a_repeated_complaint_once():
    assert notable(LOG, most=5) == [
        "2026/01/01 starting master 3.2.8",
        "dial tcp 10.0.0.1:5672: connection refused (try 3)",
        "WARN no broker",
        "panic: runtime error",
        "exit",
    ]


def test_a_short_log_is_left_whole_and_an_empty_one_says_nothing():
    assert notable("a\n\nb\n") == ["a", "b"]
    assert notable("2026-01-01T10:00:00.123456789Z a\n") == ["a"]
    assert notable("\n  \n") == []


@given(st.text(), st.integers(3, 9))
def test_it_is_never_more_than_asked_for(text, most):
    found = notable(text, most)
    assert len(found) <= most
    assert all(0 < len(line) <= WIDTH and "\n" not in line for line in found)
