# frank_replay: the store of deliveries (SQLite).
