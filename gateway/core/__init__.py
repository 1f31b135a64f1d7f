"""Values and rules without I/O that everything else stands on; standard library only."""
