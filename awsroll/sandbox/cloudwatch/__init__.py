"""CloudWatch alarms in the sandbox: metric and composite ones, whose states tests set."""
