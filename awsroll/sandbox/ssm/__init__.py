"""Systems Manager in the sandbox: nodes that come online, and Run Command."""
