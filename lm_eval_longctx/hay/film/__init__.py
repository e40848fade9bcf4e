"""Hay and needles for the eye: films that are drawn or given, coded once, and changed one picture at a time."""
