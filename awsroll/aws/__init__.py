"""The only importer of boto3: how AWS is called, never why.

`connection` puts the parts together; one thin file a service names its calls; `reading` turns answers into the values
of `core`. Retries, rate limits, faults and the counting of calls are here. No decisions, no waiting for an effect.

Importing this package does not import boto3: that happens when the first client is made.
"""
