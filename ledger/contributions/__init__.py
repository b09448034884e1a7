"""Employers: what they owe, what they pay, and how it reaches their staff's accounts."""
