"""The commands of `bench`, by what one wants to do. Each module registers its own."""
