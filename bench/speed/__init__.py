"""What things cost on this machine, each as a ratio against a named peer measured in the same run (`bench speed`)."""
