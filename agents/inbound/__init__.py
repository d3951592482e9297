"""The listener for returned mail: bounces, complaints and unsubscribes come in by SMTP and go to `email.inbound`."""
