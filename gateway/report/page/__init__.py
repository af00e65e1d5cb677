"""The page of a report: one HTML file without script that asks for nothing else."""
