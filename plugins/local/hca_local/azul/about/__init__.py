"""What the stand-in tells about itself: its description, version and health."""
