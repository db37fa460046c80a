package domain

import (
	"maps"
	"slices"
)

// Names are the stored names that a codec knows, for the test that each has a golden form.
func (c *Codec[E]) Names() []string { return slices.Sorted(maps.Keys(c.byName)) }
