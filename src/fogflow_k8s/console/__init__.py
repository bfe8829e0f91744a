"""The console: turns the results of actions into screens for people and into JSON documents for programs."""
