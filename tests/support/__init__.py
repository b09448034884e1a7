"""What tests share: people, stories, stand-ins, the second ledger."""
