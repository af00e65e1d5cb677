"""Evaluation of a predictor on measured lengths: metrics, tables, plots, one HTML page."""
