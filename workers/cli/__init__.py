"""The command line: starts the stages and holds the daily tools."""
