package slack

// Forget drops what was looked up of people.
func (s *Slack) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.people, s.groups, s.ids = map[string]looked{}, groupsSeen{}, map[string]looked{}
}
