"""Clients of FogFlow's own interfaces, and of its RabbitMQ."""
