"""From settings to parts that fit together: the broker, and each source as a service. Here adapters are imported."""
