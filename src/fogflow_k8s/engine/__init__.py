"""How we wait and how we check: functions over functions, no party of their own."""
