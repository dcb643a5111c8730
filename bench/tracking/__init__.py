"""The parts of the copy in MLflow: the connection, one run's mirror, and the attached report."""
