"""What the shim is made of. Standard library only, and no import from outside this folder: see the shim."""
