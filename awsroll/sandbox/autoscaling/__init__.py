"""EC2 Auto Scaling in the sandbox: groups that act on the world's timers."""
