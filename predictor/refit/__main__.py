"""``python -m predictor.refit``: one refit in a process of its own."""

import argparse
import sys

from predictor.refit.command import add_refit_arguments, run_refit

parser = argparse.ArgumentParser(prog="predictor.refit", description=run_refit.__doc__)
add_refit_arguments(parser)
sys.exit(run_refit(parser.parse_args()))
