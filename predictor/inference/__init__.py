"""Forecasts for the gateway and for `lengthwise predict`."""
