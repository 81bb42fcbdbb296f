"""The core's own commands, a file each; none is imported before somebody types its name."""
