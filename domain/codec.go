package domain

import (
	"encoding/json"
	"fmt"
	"reflect"
)

// Codec is the registry of the stored forms of one lifecycle's events: past-tense names that never change,
// a schema version each, JSON data. E is the lifecycle's event interface.
type Codec[E any] struct {
	byType map[reflect.Type]form[E]
	byName map[string]form[E]
}

type form[E any] struct {
	name   string
	schema int
	decode func(data []byte) (E, error)
	// upcast[i] turns data of schema i+1 into schema i+2; there is one for every schema before the present.
	upcast []Upcast
}

// Upcast rewrites the data of one schema version into that of the next; what was stored stays as it is.
type Upcast func(data []byte) ([]byte, error)

// Form registers the event type T under its stored name. Its schema version is one more than its upcasts.
func Form[T, E any](name string, upcast ...Upcast) func(*Codec[E]) {
	return func(c *Codec[E]) {
		f := form[E]{name: name, schema: len(upcast) + 1, upcast: upcast, decode: decodeAs[T, E]}
		c.byType[reflect.TypeFor[T]()] = f
		c.byName[name] = f
	}
}

func decodeAs[T, E any](data []byte) (E, error) {
	var event T
	if err := json.Unmarshal(data, &event); err != nil {
		var none E
		return none, err
	}
	return any(event).(E), nil
}

// NewCodec makes a codec of its forms.
func NewCodec[E any](forms ...func(*Codec[E])) *Codec[E] {
	c := &Codec[E]{byType: map[reflect.Type]form[E]{}, byName: map[string]form[E]{}}
	for _, register := range forms {
		register(c)
	}
	return c
}

// Encode gives the stored form of an event. An event of a type that is not registered is a defect and an error.
func (c *Codec[E]) Encode(event E) (name string, schema int, data []byte, err error) {
	f, ok := c.byType[reflect.TypeOf(event)]
	if !ok {
		return "", 0, nil, fmt.Errorf("event type %T has no stored form", event)
	}
	data, err = JSON(event)
	return f.name, f.schema, data, err
}

// Decode reads a stored event, upcasting the data of an older schema first.
func (c *Codec[E]) Decode(name string, schema int, data []byte) (E, error) {
	var none E
	f, ok := c.byName[name]
	if !ok {
		return none, fmt.Errorf("event %q is not known", name)
	}
	if schema < 1 || schema > f.schema {
		return none, fmt.Errorf("event %q has schema %d; known are 1 to %d", name, schema, f.schema)
	}
	for _, up := range f.upcast[schema-1:] {
		var err error
		if data, err = up(data); err != nil {
			return none, fmt.Errorf("event %q: upcast from schema %d: %w", name, schema, err)
		}
	}
	event, err := f.decode(data)
	if err != nil {
		return none, fmt.Errorf("event %q: %w", name, err)
	}
	return event, nil
}
