"""What must hold before anything changes, each judged before the first write."""
