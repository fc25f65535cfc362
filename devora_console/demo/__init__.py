"""The demo: servers that live and die with the console, data like Devora's, and a workload."""
