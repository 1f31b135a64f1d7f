"""Who may see what, and why: facts in, verdict out. Pure; one frozen dataclass a rule."""
