"""The edge: Faust agents, SMTP, DNS, HTTP, keys, files, settings, CLI. It performs what streams decides."""
