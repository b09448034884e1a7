"""What is tested of documents."""
