package httpapi

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// storedEvents are samples of all events of all lifecycles, every field of which is filled, as they are stored: type,
// schema version and data.
func storedEvents(t *testing.T) (samples [][3]string) {
	t.Helper()
	files, err := filepath.Glob("../domain/testdata/*/*.txt") // those stored now, and those of former forms
	if err != nil || len(files) < 16 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			parts := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 3)
			if len(parts) != 3 {
				t.Fatalf("%s: %s", file, line)
			}
			samples = append(samples, [3]string(parts))
		}
	}
	// Sequences belong to no lifecycle.
	return append(samples, [3]string{"SequenceMoved", "1", `{"taken":64}`})
}

func compiledSchema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	text, err := schemaFiles.Open("schemas/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	doc, err := jsonschema.UnmarshalJSON(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("http://orderd"+SchemaPath+name, doc); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return c.MustCompile("http://orderd" + SchemaPath + name)
}

// TestEveryEventTypeHasItsSchema: all that a replay can give fits the file that it names, each field is described there,
// and there is no file for what cannot be.
func TestEveryEventTypeHasItsSchema(t *testing.T) {
	t.Parallel()
	used := map[string]bool{hospitalType + ".v1.json": true}
	for _, sample := range storedEvents(t) {
		name := sample[0] + ".v" + sample[1] + ".json"
		used[name] = true
		schema := compiledSchema(t, name)
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(sample[2]))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %v: %s", name, err, sample[2])
		}
		undescribed(t, name, schema, value)
		if err := schema.Validate([]any{}); err == nil {
			t.Errorf("%s takes a list", name)
		}
		if !slices.Contains(eventTypes, sample[0]) {
			t.Errorf("%s cannot be asked for", sample[0])
		}
	}
	files, err := schemaFiles.ReadDir("schemas")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !used[f.Name()] {
			t.Errorf("%s is of no event", f.Name())
		}
	}
}

// undescribed tells of fields that a schema does not know, where it describes an object at all.
func undescribed(t *testing.T, path string, schema *jsonschema.Schema, value any) {
	t.Helper()
	object, ok := value.(map[string]any)
	if !ok || schema == nil || len(schema.Properties) == 0 {
		return
	}
	for name, inner := range object {
		described, ok := schema.Properties[name]
		if !ok {
			t.Errorf("%s does not describe %s", path, name)
		}
		undescribed(t, path+"/"+name, described, inner)
	}
}

// TestEveryAliasNamesTypes, and no name is both an alias and a type.
func TestEveryAliasNamesTypes(t *testing.T) {
	t.Parallel()
	for alias, beginnings := range typeAliases {
		for _, beginning := range beginnings {
			if !slices.ContainsFunc(eventTypes, func(t string) bool { return strings.HasPrefix(t, beginning) }) {
				t.Errorf("%s: no event begins with %s", alias, beginning)
			}
		}
		if slices.Contains(eventTypes, alias) {
			t.Errorf("%s is a type too", alias)
		}
	}
	if len(eventTypes) < 60 {
		t.Error(fmt.Sprint("only these types are known: ", eventTypes))
	}
}
