package drf

import (
	"slices"
	"strings"
)

// Metadata is the body of an OPTIONS reply as DRF's SimpleMetadata makes it for a view without a serializer.
type Metadata struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Renders     []string `json:"renders"`
	Parses      []string `json:"parses"`
}

// NewMetadata describes a view; the name is DRF's view name, such as "Order Create".
func NewMetadata(name, description string) Metadata {
	return Metadata{
		Name:        name,
		Description: description,
		Renders:     []string{mediaJSON},
		Parses:      []string{mediaJSON, mediaForm, mediaMultipart},
	}
}

// methodOrder is Django's View.http_method_names, as far as an API uses them.
var methodOrder = []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}

// Allow writes the Allow header of a view that serves the methods: in Django's order, with OPTIONS always and HEAD
// wherever there is GET.
func Allow(methods ...string) string {
	var allowed []string
	for _, method := range methodOrder {
		if slices.Contains(methods, method) || method == "OPTIONS" ||
			method == "HEAD" && slices.Contains(methods, "GET") {
			allowed = append(allowed, method)
		}
	}
	return strings.Join(allowed, ", ")
}
