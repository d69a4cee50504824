package store

// PrivatePaths are the directories of the store that no finished tree may mention.
// Views are not among them: a local view names itself.
func (s *Store) PrivatePaths() []string {
	return []string{s.path(sourcesDir), s.path(outputsDir), s.path(tempDir)}
}
