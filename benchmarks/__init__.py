"""Commands that measure awsroll. They print counts and ratios."""
