"""The console's figures for Prometheus: metrics declared once, collected from the latest samples, drawn and alerted."""
