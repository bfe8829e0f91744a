"""docs/testing.md names every file of tests, what it proves, and its budget; and files over their budget are found."""

from tests import durations

BUDGET_S = 15


def test_the_page_is_what_the_tests_say():
    text = durations.PAGE.read_text(encoding="utf-8")
    assert durations.page(text, {}) == text, "run `make generate`"


def test_every_file_says_what_it_proves():
    without = [path.relative_to(durations.ROOT).as_posix() for path in durations.files() if not durations.proves(path)]
    assert not without, f"give them a docstring that says what they prove: {without}"


def test_every_folder_with_tests_is_a_tier():
    folders = {
        path.relative_to(durations.ROOT / "tests").parts[0] for path in (durations.ROOT / "tests").rglob("test_*.py")
    }
    assert folders == set(durations.TIERS), "TIERS in tests/durations.py names every folder with tests"


def test_a_file_over_its_budget_by_half_is_named():
    file = "tests/unit/test_durations.py"
    budget = durations.budget_of(durations.ROOT / file)
    assert durations.over_budget({file: {"s": budget * durations.OVER}}) == []
    (line,) = durations.over_budget({file: {"s": budget * durations.OVER + 1}, "tests/gone.py": {"s": 10_000}})
    assert line.startswith(f"{file}: ")


def test_measured_times_come_into_the_page_and_others_stay():
    file = "tests/unit/test_durations.py"
    one = durations.page("", {file: {"s": 0.25, "left": 3}})
    (row,) = [line for line in one.splitlines() if f"`{file}`" in line]
    assert row.endswith("| 0.2 | 3 |")
    assert durations.page(one, {}) == one
