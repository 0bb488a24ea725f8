"""Notifications from two Norwegian public APIs to RabbitMQ: each is published before its offset moves."""

__version__ = "0.1.0"
