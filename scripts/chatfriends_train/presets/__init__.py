"""Settings of training runs, a file each."""
