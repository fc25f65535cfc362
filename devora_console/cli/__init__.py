"""The command door: stdout is data, stderr is narration, exit codes are an API."""
