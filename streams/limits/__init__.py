"""Limits that hold across workers: rates, buckets, fair division, and the two sides of the quota protocol."""
