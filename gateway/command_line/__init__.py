"""The command line: subcommands, the parser and its errors, standard output, exit codes."""
