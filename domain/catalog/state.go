// Package catalog holds the entries that an answer names: diagnosis tags and drugs. An entry is made once
// and not changed; any doctor may name any entry.
package catalog

// TagCategory and DrugCategory are the first parts of the stream names, "tag-<pk>" and "drug-<pk>".
const (
	TagCategory  = "tag"
	DrugCategory = "drug"
)

// Tag is a diagnosis, the document's diagnosis_tag.
type Tag struct {
	PK          int64  `json:"pk"`
	Owner       string `json:"owner"`
	Name        string `json:"name"`
	Description string `json:"description"`
}

// Drug is a medicine with its dosage, the document's drug.
type Drug struct {
	PK          int64  `json:"pk"`
	Owner       string `json:"owner"`
	Name        string `json:"name"`
	Standard    string `json:"standard"`
	TotalDosage string `json:"total_dosage"`
	EachDosage  string `json:"each_dosage"`
	DayTimes    string `json:"day_times"`
}

// Entry is one of the two; both are nil before it was made.
type Entry struct {
	Tag  *Tag  `json:"tag,omitempty"`
	Drug *Drug `json:"drug,omitempty"`
}

// Made says that the entry exists.
func (e Entry) Made() bool { return e.Tag != nil || e.Drug != nil }
