"""From when to when each day and month may lie that anybody can send: one table, which all doors read."""
