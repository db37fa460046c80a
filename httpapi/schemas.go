package httpapi

import (
	"embed"
	"net/http"
	"slices"
	"strings"

	"orderengine/httpapi/drf"
)

// SchemaPath is where the JSON Schema files of the events' data are, <type>.v<version>.json.
const SchemaPath = "/schemas/"

// schemaURI begins what an envelope calls a file, and what the file calls itself: CloudEvents wants an absolute URI, and an
// event is the same whatever the server it comes from is called. What follows the colon is the path.
const schemaURI = "orderengine:" + SchemaPath

//go:embed schemas/*.json
var schemaFiles embed.FS

// schema serves one of the files.
func (c *call) schema() (reply, error) {
	data, err := schemaFiles.ReadFile("schemas/" + c.echo.Param("*"))
	if err != nil {
		return reply{}, drf.NotFound()
	}
	return reply{http.StatusOK, rawBody{"application/schema+json", data}}, nil
}

// eventTypes are the stored names that have a schema, which is every event's.
var eventTypes = func() []string {
	files, err := schemaFiles.ReadDir("schemas")
	if err != nil {
		panic(err) // they are compiled in
	}
	var types []string
	for _, f := range files {
		if name, _, _ := strings.Cut(f.Name(), "."); name != hospitalType {
			types = append(types, name)
		}
	}
	return slices.Compact(types)
}()

// typeAliases name several types at once, by the beginnings of their names.
var typeAliases = map[string][]string{
	"refund":   {"Refund"},
	"stop":     {"RegistrationStopped", "StopList"},
	"payment":  {"Payment", "ChargeCreated", "OrderPaid", "SurplusReceived"},
	"order":    {"Order", "HospitalOrder"},
	"question": {"Question"},
	"message":  {"Message", "PatientTold"},
	"hospital": {"Hospital", "SecretSet", "WebhookSet"},
	"delivery": {"BatchSent", "BatchDelivered", "DeliveryFailed", "RedeliveryRequested"},
}

// typesOf reads a list of types and aliases between commas; nil is all. What is none of both is refused by name.
func typesOf(f *drf.Fields, field string) map[string]bool {
	list := f.String(field, drf.Optional, drf.AllowBlank)
	if list == "" {
		return nil
	}
	types := map[string]bool{}
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		beginnings, alias := typeAliases[name]
		if !alias && !slices.Contains(eventTypes, name) {
			f.Add(field, drf.MsgInvalidChoice, name)
		}
		for _, t := range eventTypes {
			begins := func(beginning string) bool { return strings.HasPrefix(t, beginning) }
			if t == name || slices.ContainsFunc(beginnings, begins) {
				types[t] = true
			}
		}
	}
	return types
}
