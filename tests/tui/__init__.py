"""The screens, over fixed services."""
