"""The panels of the dashboards; each module holds those of a row."""
