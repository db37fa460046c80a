package projections

import "testing"

func TestGenerationNames(t *testing.T) {
	for name, want := range map[string]Generation{"v1": {1, 0}, "v2.1": {2, 1}, "v12.30": {12, 30}} {
		if got, err := ParseGeneration(name); got != want || err != nil || want.String() != name {
			t.Errorf("%s: %+v, %v; %+v is %s", name, got, err, want, want)
		}
	}
	for _, name := range []string{"", "2", "v", "v0", "v-1", "v2.", "v2.0", "v2.-1", "v02", "v2.01", "v2.1.1", "v2 ", "V2", "v1e1", "v99999999999999999999"} {
		if got, err := ParseGeneration(name); err == nil {
			t.Errorf("%q is taken for %s", name, got)
		}
	}
}

func TestLineupNames(t *testing.T) {
	for name, want := range map[string]Lineup{"": {}, "v2": {Serving: Generation{2, 0}}, "v2.1 v3": {Generation{2, 1}, Generation{3, 0}}} {
		if got, err := ParseLineup(name); got != want || err != nil || want.String() != name {
			t.Errorf("%q: %+v, %v; %+v is %q", name, got, err, want, want)
		}
	}
	for _, name := range []string{" ", "v2 ", " v2", "v2  v3", "v2 v3 v4", "x"} {
		if got, err := ParseLineup(name); err == nil {
			t.Errorf("%q is taken for %s", name, got)
		}
	}
}

func TestReadableIsNoLaterThanVersion(t *testing.T) {
	if Readable < 1 || Readable > Version {
		t.Errorf("readable from version %d, of %d", Readable, Version)
	}
}
