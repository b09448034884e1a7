"""Medical care as a book knows it: its words, its rows and its state. Pure."""
