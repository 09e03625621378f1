"""Contracts that every algorithm keeps; run them on your own."""
