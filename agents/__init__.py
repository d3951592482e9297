"""The edge: Faust agents, SMTP, DNS, HTTP, keys, files, settings, the command line. It performs what streams decides."""
