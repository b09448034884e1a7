"""Printed forms: PDF, HTML, CSV, XLSX of a sheet."""
