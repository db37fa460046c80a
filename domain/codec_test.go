package domain_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"orderengine/domain"
)

// A made-up lifecycle: Grown has schema 3, Cut schema 1.
type plant interface{ isPlant() }

type (
	grown struct {
		Millimetres int    `json:"mm"`
		Season      string `json:"season"`
	}
	cut    struct{ Why string }
	unsown struct{}
)

func (grown) isPlant()  {}
func (cut) isPlant()    {}
func (unsown) isPlant() {}

// Schema 1 had centimetres; schema 2 had millimetres and no season.
func centimetres(data []byte) ([]byte, error) {
	var old struct{ Cm *int }
	if err := json.Unmarshal(data, &old); err != nil {
		return nil, err
	}
	if old.Cm == nil {
		return nil, errors.New("no cm")
	}
	return json.Marshal(map[string]int{"mm": *old.Cm * 10})
}

func noSeason(data []byte) ([]byte, error) {
	return append(bytes.TrimSuffix(data, []byte("}")), `,"season":"spring"}`...), nil
}

var plants = domain.NewCodec(
	domain.Form[grown, plant]("Grown", centimetres, noSeason),
	domain.Form[cut, plant]("Cut"),
)

func TestEncodeGivesThePresentSchema(t *testing.T) {
	name, schema, data, err := plants.Encode(grown{Millimetres: 5, Season: "a<b>&c"})
	if name != "Grown" || schema != 3 || string(data) != `{"mm":5,"season":"a<b>&c"}` || err != nil {
		t.Errorf("%s %d %s %v", name, schema, data, err)
	}
	if _, _, _, err := plants.Encode(unsown{}); err == nil || !strings.Contains(err.Error(), "unsown") {
		t.Errorf("an event that is not registered: %v, want an error that names it", err)
	}
}

func TestDecodeUpcastsOldSchemas(t *testing.T) {
	for _, c := range []struct {
		name   string
		schema int
		data   string
		want   plant
	}{
		{"Grown", 1, `{"cm":12}`, grown{120, "spring"}},
		{"Grown", 2, `{"mm":7}`, grown{7, "spring"}},
		{"Grown", 3, `{"mm":7,"season":"autumn"}`, grown{7, "autumn"}},
		{"Grown", 3, `{"mm":7,"later":true}`, grown{7, ""}},
		{"Cut", 1, `{"Why":"dry"}`, cut{"dry"}},
	} {
		got, err := plants.Decode(c.name, c.schema, []byte(c.data))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s of schema %d, %s: %+v, %v; want %+v", c.name, c.schema, c.data, got, err, c.want)
		}
	}
}

func TestDecodeErrorsNameTheEvent(t *testing.T) {
	for _, c := range []struct {
		name   string
		schema int
		data   string
		says   string
	}{
		{"Sown", 1, `{}`, `event "Sown" is not known`},
		{"", 1, `{}`, `event "" is not known`},
		{"Grown", 4, `{}`, `event "Grown" has schema 4; known are 1 to 3`},
		{"Grown", 0, `{}`, `event "Grown" has schema 0`},
		{"Cut", -1, `{}`, `event "Cut" has schema -1`},
		{"Cut", 1, `{"Why":1}`, `event "Cut"`},
		{"Cut", 1, `{`, `event "Cut"`},
		{"Grown", 1, `{"mm":3}`, `event "Grown": upcast from schema 1: no cm`},
	} {
		got, err := plants.Decode(c.name, c.schema, []byte(c.data))
		if err == nil || got != nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %d %s: %+v, %v; want an error with %s", c.name, c.schema, c.data, got, err, c.says)
		}
	}
}

func TestJSONIsCompactAndLeavesTextAlone(t *testing.T) {
	got, err := domain.JSON(map[string]any{"a": "<肺&>", "b": json.RawMessage(`{ "c" : 1 }`)})
	if want := `{"a":"<肺&>","b":{"c":1}}`; string(got) != want || err != nil {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
	if _, err := domain.JSON(func() {}); err == nil {
		t.Error("a function has no JSON")
	}
}
