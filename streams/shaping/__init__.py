"""Shaping: limits and policies by provider, site, source, tenant and domain, and rules that learn from replies."""
