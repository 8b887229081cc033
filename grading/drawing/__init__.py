"""Figures for people: how they are written, and drawn."""
