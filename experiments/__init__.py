"""Experiments: many trainings that one command plans, runs on Snakemake and reports. See README.md."""
