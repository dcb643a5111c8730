"""The commands of `bench`: each file is one and bears its name; what several share begins with an underscore."""
