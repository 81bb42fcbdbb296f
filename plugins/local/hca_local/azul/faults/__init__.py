"""What goes wrong on purpose: the fault script `faults.json`, rate limits, maintenance, blocked programs."""
