package domain

// IsDigits says whether a text is n decimal digits. Every request is asked this of the number in its path, and a regular
// expression takes more than ten times as long to tell.
func IsDigits(text string, n int) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return len(text) == n
}
