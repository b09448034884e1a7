"""Every number that the database stores: sides, kinds and what they move, stages and the matrix, words."""
