"""Objectives: what one step of a training does with its networks."""
