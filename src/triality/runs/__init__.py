"""What a run leaves behind: its folder, checkpoint, metrics log and summary."""
