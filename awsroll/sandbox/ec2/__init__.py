"""EC2 in the sandbox: instances that take time to boot and stop, launches with tokens, templates."""
