"""The suites of the core benchmark: each `run(session)` measures one subject and adds figures."""
