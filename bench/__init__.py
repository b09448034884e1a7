"""`make bench`: the same work on this service, on the database's own limit and on a peer, in one run."""
