"""What each file that a stage leaves holds: frozen, checked records; they import nothing of ours but `errors`."""
