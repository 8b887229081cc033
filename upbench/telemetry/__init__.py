"""What is told of a run's work, as OpenTelemetry traces and metrics and as log lines."""
