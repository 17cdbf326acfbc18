"""The calls to AWS. Only this package imports boto3, and it decides nothing.

`connection` puts the parts together. One file per service names its calls, and `parse_answers` turns the answers into
the values of `core`. Retries, rate limits, the translation of errors and the counting of calls are here.

boto3 is imported when the first client is made, not with this package.
"""
