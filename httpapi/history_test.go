package httpapi

import (
	"encoding/csv"
	"strings"
	"testing"
)

// TestASheetHasNoFormulas: what others chose is shown as it is, and not run by who opens the sheet.
func TestASheetHasNoFormulas(t *testing.T) {
	t.Parallel()
	row := historyRowJSON{Type: "OrderPlaced", Actor: "@patient", Correlation: `=HYPERLINK("http://x","y")`, Causation: "-1", Before: new(string), Paid: -1}
	r, err := historyCSV([]historyRowJSON{row}, []refusedJSON{{row: historyRowJSON{Actor: "+1", Correlation: "a=b"}}})
	if err != nil {
		t.Fatal(err)
	}
	sheet, err := csv.NewReader(strings.NewReader(string(r.body.(rawBody).data))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		row    int
		column string
		want   string
	}{
		{1, "actor", "'@patient"}, {1, "correlation", `'=HYPERLINK("http://x","y")`}, {1, "causation", "'-1"},
		{1, "paid", "-1"}, // a number is none
		{2, "actor", "'+1"}, {2, "correlation", "a=b"}, {2, "causation", ""},
	} {
		for i, name := range historyColumns {
			if got := sheet[c.row][i]; name == c.column && got != c.want {
				t.Errorf("%s of row %d: %s, want %s", name, c.row, got, c.want)
			}
		}
	}
}
