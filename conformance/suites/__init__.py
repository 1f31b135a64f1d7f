"""The suites: each a package with `TESTS`, its requirements in `conformance/requirements`."""
