package httpapi

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"orderengine/domain"
	"orderengine/domain/qa"
	"orderengine/httpapi/drf"
)

// saidOf writes a text's parts as a question shows them.
func saidOf(text string, hidden hiddenJSON) string {
	w := drf.NewWriter()
	defer w.Release()
	s := said{w, partsOf(text), hidden}
	w.Begin('{')
	s.text("allergy_history")
	s.list("file_list", "files")
	s.joined("desc_files", "files")
	s.why()
	w.End('}')
	shown, err := w.JSON()
	if err != nil {
		panic(err)
	}
	return string(shown)
}

// TestWhatWasSaidIsShown: whatever stands in a text and in the names of its files comes out as it went in.
func TestWhatWasSaidIsShown(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		some := rapid.OneOf(rapid.String(), rapid.StringMatching(`["\\\\,{}\[\]:<>a头\x{2028}]*`))
		text := qa.QuestionText{AllergyHistory: some.Draw(r, "text"), Files: rapid.SliceOfN(some, 0, 3).Draw(r, "files")}
		sealed, err := domain.JSON(text)
		if err != nil {
			r.Fatal(err)
		}
		var shown struct {
			AllergyHistory string   `json:"allergy_history"`
			FileList       []string `json:"file_list"`
			DescFiles      string   `json:"desc_files"`
		}
		if err := json.Unmarshal([]byte(saidOf(string(sealed), hiddenJSON{})), &shown); err != nil {
			r.Fatalf("%s: %v", sealed, err)
		}
		if shown.AllergyHistory != text.AllergyHistory || !slices.Equal(shown.FileList, text.Files) || shown.FileList == nil ||
			shown.DescFiles != strings.Join(text.Files, ",") {
			r.Errorf("%s is shown as %+v", sealed, shown)
		}
	})
}

// TestNoTextHasMoreParts than said keeps: those beyond would be shown as if nothing had been said.
func TestNoTextHasMoreParts(t *testing.T) {
	for _, text := range []any{qa.QuestionText{}, qa.AnswerText{}, qa.EvaluationText{}} {
		if is := reflect.TypeOf(text); is.NumField() > mostParts {
			t.Errorf("%s has %d parts, more than %d", is, is.NumField(), mostParts)
		}
	}
}

func TestTextsThatAreNotShown(t *testing.T) {
	const text = `{"allergy_history":"none","files":["a"]}`
	for _, c := range []struct {
		text   string
		hidden hiddenJSON
		want   string
	}{
		{text, hiddenJSON{}, `{"allergy_history":"none","file_list":["a"],"desc_files":"a"}`},
		{"", hiddenJSON{}, `{"allergy_history":"","file_list":[],"desc_files":""}`},
		{`{"allergy_history":null,"files":null}`, hiddenJSON{}, `{"allergy_history":"","file_list":[],"desc_files":""}`},
		{`{"files":["a",null,5]}`, hiddenJSON{}, `{"allergy_history":"","file_list":["a",null,5],"desc_files":"a"}`},
		{"{}", hiddenJSON{}, `{"allergy_history":"","file_list":[],"desc_files":""}`},
		{"", hiddenJSON{Erased: true}, `{"allergy_history":null,"file_list":null,"desc_files":null,"erased":true}`},
		{"", hiddenJSON{Restricted: true}, `{"allergy_history":null,"file_list":null,"desc_files":null,"restricted":true}`},
		{text, hiddenJSON{Unreadable: true}, `{"allergy_history":null,"file_list":null,"desc_files":null,"unreadable":true}`},
	} {
		if got := saidOf(c.text, c.hidden); got != c.want {
			t.Errorf("%s, %+v: %s, want %s", c.text, c.hidden, got, c.want)
		}
	}
}
