"""Walks in a directed graph whose edges are statements, spread over the context."""
