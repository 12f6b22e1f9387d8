"""Prove, date by date and model by model, that a candidate embedding gateway equals the legacy one."""
