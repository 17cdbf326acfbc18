"""The public functions of `import awsroll`, with plain arguments. Each calls the operation of the same name.

    import awsroll

    spec = awsroll.RolloutSpec(asg="web", concurrent="25%", launch_first=True)
    report = awsroll.roll(spec)
    assert report.succeeded, report.reason

A refused call raises an `AwsrollError`. A rollout that has started always returns its report.
"""
