package account

import (
	"testing"
	"time"

	"orderengine/domain"
)

var until = at.AddDate(15, 0, 0)

func standing(s Standing) User {
	u := active()
	u.Privacy = Privacy{Key: "k1", Standing: s}
	switch s {
	case Restricted:
		u.Privacy.Why, u.Privacy.At, u.Privacy.Until = "w", at, until
	case Erased, Shredded:
		u.Privacy.Why, u.Privacy.At = "w", at
	}
	return u
}

func TestDecidePrivacy(t *testing.T) {
	makeKey, restrict, lift, erase := MakeKey{"k2", at}, Restrict{"admin", "w", until, at}, Lift{"admin", "w", at}, Erase{"admin", "w", at}
	later := Restrict{"admin", "w", until.Add(1), at}
	early, end, destroyed := EndRestriction{until.Add(-1)}, EndRestriction{until}, RecordKeyDestroyed{at}
	none := active()
	const refused = domain.Erased
	for _, c := range []decision{
		{"key", none, makeKey, DataKeyMade(makeKey), 0},
		{"another key", standing(Kept), makeKey, nil, 0},
		{"key of who is restricted", standing(Restricted), makeKey, nil, domain.Restricted},
		{"key of who is erased", standing(Erased), makeKey, nil, refused},
		{"key of who is shredded", standing(Shredded), makeKey, nil, refused},
		{"key of nobody", User{}, makeKey, nil, domain.NotFound},
		{"restrict", standing(Kept), restrict, PatientRestricted(restrict), 0},
		{"restrict who wrote nothing", none, restrict, PatientRestricted(restrict), 0},
		{"restrict again", standing(Restricted), restrict, nil, 0},
		{"restrict for longer", standing(Restricted), later, PatientRestricted(later), 0},
		{"restrict again for another reason", standing(Restricted), Restrict{"admin", "v", until, at}, PatientRestricted{"admin", "v", until, at}, 0},
		{"restrict for ever", standing(Kept), Restrict{"admin", "w", at.AddDate(101, 0, 0), at}, nil, domain.Invalid},
		{"restrict until now", standing(Kept), Restrict{"admin", "w", at, at}, nil, domain.Invalid},
		{"restrict who is erased", standing(Erased), restrict, nil, refused},
		{"restrict who is shredded", standing(Shredded), restrict, nil, refused},
		{"lift", standing(Restricted), lift, RestrictionLifted(lift), 0},
		{"lift what is not", standing(Kept), lift, nil, 0},
		{"lift an erasure", standing(Erased), lift, nil, refused},
		{"lift what is shredded", standing(Shredded), lift, nil, refused},
		{"erase", standing(Kept), erase, PatientErased(erase), 0},
		{"erase who wrote nothing", none, erase, PatientErased(erase), 0},
		{"erase who is restricted", standing(Restricted), erase, PatientErased(erase), 0},
		{"erase again", standing(Erased), erase, nil, 0},
		{"erase who is shredded", standing(Shredded), erase, nil, 0},
		{"end too early", standing(Restricted), early, nil, 0},
		{"end", standing(Restricted), end, PatientErased{domain.System, "w", until}, 0},
		{"end what was lifted", standing(Kept), end, nil, 0},
		{"end what is erased", standing(Erased), end, nil, 0},
		{"destroyed", standing(Erased), destroyed, DataKeyDestroyed(destroyed), 0},
		{"destroyed twice", standing(Shredded), destroyed, nil, 0},
		{"destroyed before it is erased", standing(Kept), destroyed, nil, 0},
		{"destroyed while it is restricted", standing(Restricted), destroyed, nil, 0},
	} {
		t.Run(c.name, c.check)
	}
}

// TestEvolvePrivacyGoesWhereTheTableSays compares the two, for Evolve does not read the table.
func TestEvolvePrivacyGoesWhereTheTableSays(t *testing.T) {
	events := map[string]Event{"make_key": DataKeyMade{Key: "k1"}, "restrict": PatientRestricted{Until: until}, "lift": RestrictionLifted{},
		"erase": PatientErased{Why: "w", At: at}, "destroy_key": DataKeyDestroyed{}}
	for _, m := range PrivacyLifecycle.Moves() {
		for _, src := range m.Src {
			before := map[string]Standing{"kept": Kept, "restricted": Restricted, "erased": Erased, "shredded": Shredded}[src]
			u := Evolve(standing(before), events[m.Name])
			if u.Privacy.Standing.state() != m.Dst || u.Privacy.Key != "k1" || u.Name != "d" {
				t.Errorf("%s from %q leads to %+v; the table says %q", m.Name, src, u.Privacy, m.Dst)
			}
			if restricted := u.Privacy.Standing == Restricted; u.Privacy.Until.Equal(until) != restricted {
				t.Errorf("%s from %q: until %s", m.Name, src, u.Privacy.Until)
			}
		}
	}
}

func TestWhoMayRead(t *testing.T) {
	for s, want := range map[Standing]struct{ hidden, gone, audit bool }{
		Kept: {false, false, true}, Restricted: {true, false, true}, Erased: {true, true, false}, Shredded: {true, true, false},
	} {
		p := standing(s).Privacy
		if p.Hidden() != want.hidden || p.Gone() != want.gone || p.ForAudit().Hidden() == want.audit || p.ForAudit().Key != "k1" {
			t.Errorf("%q: hidden %v, gone %v, for audit %+v", s, p.Hidden(), p.Gone(), p.ForAudit())
		}
	}
	if why := standing(Restricted).Privacy.Refusal().Error(); why != "restricted: the patient's texts are restricted, until "+until.Format(time.RFC3339) {
		t.Error(why)
	}
}
