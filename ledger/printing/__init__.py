"""Sheets: what is printed, and how it becomes a PDF, a page, a table or signed JSON."""
