"""What steps and runs took, and what a study will take: time, disk, memory, cores."""
