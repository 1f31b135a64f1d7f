"""Pure arithmetic on what was dispensed, each rule with its citation."""
