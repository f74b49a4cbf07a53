"""Weights: tables that read and write published layouts, and the proof."""
