"""Send notices of a rollout to people: by SNS, EventBridge, and webhooks of Slack and Teams."""
