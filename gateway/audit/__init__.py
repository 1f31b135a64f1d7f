"""The append-only record of what was disclosed, to whom, under whom, why; refusals too."""
