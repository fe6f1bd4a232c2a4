"""Measuring what mixing costs: one module for the contestants, one for the clock, one for the report."""
