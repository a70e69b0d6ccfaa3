"""What an administrator sets while the platform runs: Harbor's configuration items."""
