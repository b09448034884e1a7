"""The whole: lives, histories, races, crashes."""
