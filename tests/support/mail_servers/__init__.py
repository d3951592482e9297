"""Mail servers that no one here wrote, from Debian's packages, as receivers of our mail.

Each is an instance of our own in a temporary folder, on loopback and on high ports. It asks no DNS and sends nothing on
but to the ports that it is told, so nothing can leave this machine.
"""
