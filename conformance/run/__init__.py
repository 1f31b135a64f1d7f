"""The runner of suites: tests with five outcomes, evidence, requirement lists, and an exit code."""
