"""The commands that ask a running gateway: status, queue, top, drain, undrain, pause, resume."""
