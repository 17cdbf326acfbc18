"""CloudWatch alarms in the sandbox: metric alarms, whose states tests set, and composite alarms."""
