"""`streampost web`: what recipients and their providers ask over HTTP. streams/unsubscribe.py and friends decide."""
