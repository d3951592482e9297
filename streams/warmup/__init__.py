"""Warm-up of new sources: plans, the ladder that measured rates move a source on, and what a worker makes of a cap."""
