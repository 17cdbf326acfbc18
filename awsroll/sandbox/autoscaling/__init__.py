"""EC2 Auto Scaling in the sandbox: groups that work by themselves on the world's timers."""
