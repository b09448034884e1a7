"""What a person owes of benefits that were too high: demanded, set off, paid by instalments (R67)."""
