"""What an observation means: which instances serve, drain or leave, and how many may go."""
