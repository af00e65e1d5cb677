"""``python -m predictor.online``: one refit in a process of its own."""

import argparse
import sys

from predictor.online.command import add_refit_arguments, run_refit

parser = argparse.ArgumentParser(prog="predictor.online", description=run_refit.__doc__)
add_refit_arguments(parser)
sys.exit(run_refit(parser.parse_args()))
