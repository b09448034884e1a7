"""The numbers that the database stores."""
