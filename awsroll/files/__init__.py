"""Read and write plan files and rollout files."""
