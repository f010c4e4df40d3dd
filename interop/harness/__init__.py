"""Runs the real program and talks to it with real clients."""
