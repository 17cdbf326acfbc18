"""Why a server fails or a rollout waits: known causes, found in what AWS says. Pure."""
