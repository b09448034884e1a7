"""What people ask, complain of and object to: opened, looked into, answered in time, told (R64, art. 4)."""
