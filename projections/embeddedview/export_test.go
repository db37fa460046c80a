package embeddedview

// KeepRecent bounds how many rows are kept in memory before they are written into the database.
func (s *Store) KeepRecent(rows int) { s.recent.maxRows = rows }
