"""Builders of model families from their parameters."""
