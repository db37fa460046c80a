package httpapi

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"orderengine/domain/catalog"
	"orderengine/eventstore/decider"
	"orderengine/eventstore/memory"
	"orderengine/httpapi/drf"
)

// TestEntriesThatAreTooLongTogether are refused as the field that names them: those of logs from when a description could
// have 10,000 characters do not fit into one event.
func TestEntriesThatAreTooLongTogether(t *testing.T) {
	t.Parallel()
	tags := decider.New(memory.New(), decider.Model[catalog.Entry, catalog.Command, catalog.Event]{Category: catalog.TagCategory,
		Decide: catalog.Decide, Evolve: catalog.Evolve, Encode: catalog.Codec.Encode, Decode: catalog.Codec.Decode}, decider.Options{})
	for pk := range int64(26) {
		tag := catalog.Tag{PK: pk + 1, Name: "n", Description: strings.Repeat("痛", maxText)}
		if _, err := tags.Execute(t.Context(), strconv.FormatInt(pk+1, 10), decider.Call{ID: uuid.New()}, catalog.CreateTag{Tag: tag}); err != nil {
			t.Fatal(err)
		}
	}
	pks := ""
	for pk := range 26 {
		pks += fmt.Sprintf(",%d", pk+1)
		data, err := drf.JSONData(`{"diagnosis_tag":[` + pks[1:] + `]}`)
		if err != nil {
			t.Fatal(err)
		}
		f := data.Fields()
		found, err := entries(t.Context(), f, "diagnosis_tag", tags)
		if err != nil || len(found) != pk+1 || f.OK("diagnosis_tag") != (pk < 5) {
			t.Errorf("%d tags: %d found, %v, %v", pk+1, len(found), err, f.Err())
		}
	}
}
