"""The screens, by the id of their place."""
