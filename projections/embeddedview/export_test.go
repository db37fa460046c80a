package embeddedview

// CachedIndexes is how many indexes the store keeps at hand.
const CachedIndexes = cachedIndexes

// KeepRecent bounds how many rows are kept in memory before they are written into the database.
func (s *Store) KeepRecent(rows int) { s.recent.maxRows = rows }
