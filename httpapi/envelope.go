package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"orderengine/domain/hospital"
	"orderengine/eventstore"
	"orderengine/gateways/webhooks"
	"orderengine/projections"
)

// What an event's CloudEvents envelope names: the source tells logs and hospitals apart, the type is the stored name
// between the two others and the schema version.
const (
	logSource      = "/log"
	hospitalSource = "/hospitals/"
	typePrefix     = "orderengine."
	hospitalType   = "HospitalEvent"
)

// appendEnvelope writes an event of the log as CloudEvents 1.0 JSON, without a line end. Its data stands in it as it
// is stored, but for what [redact] hides, and so do the metadata: their names are good names of extension attributes. It
// is done for every event of a replay, so nothing is decoded that need not be.
func appendEnvelope(b []byte, e *eventstore.Recorded) ([]byte, error) {
	schema, rest, ok := cutMetadata(e.Metadata)
	if !ok {
		m, err := eventstore.DecodeMetadata(e.Metadata)
		if err != nil {
			return b, err
		}
		schema, rest, _ = cutMetadata(m.Encode())
	}
	stream, data, hidden, err := redact(e)
	if err != nil {
		return b, err
	}
	_, id, _ := strings.Cut(stream, "-")
	b = append(append(b, `{"specversion":"1.0","id":"`...), e.ID.String()...)
	b = append(b, `","source":"`+logSource+`","type":`...)
	b = appendJSON(b, typePrefix, e.Type, ".v", schema)
	b = appendJSON(append(b, `,"subject":`...), id)
	b = append(append(b, `,"time":`...), rest...) // the occurred time and what follows it
	b = append(b, `,"datacontenttype":"application/json","dataschema":`...)
	b = appendJSON(b, schemaURI, e.Type, ".v", schema, ".json")
	b = append(e.Time.AppendFormat(append(b, `,"recorded":"`...), time.RFC3339Nano), `","position":"`...)
	b = append(append(b, e.Position.String()...), `","revision":`...)
	b = appendJSON(append(strconv.AppendInt(b, int64(e.Revision), 10), `,"stream":`...), stream)
	if hidden {
		b = append(b, `,"redacted":true`...)
	}
	b, err = appendData(append(b, `,"data":`...), data)
	return append(b, '}'), err
}

// appendData writes JSON that must stand on one line.
func appendData(b, data []byte) ([]byte, error) {
	if bytes.IndexByte(data, '\n') < 0 && bytes.IndexByte(data, '\r') < 0 {
		return append(b, data...), nil
	}
	line := bytes.NewBuffer(b)
	err := json.Compact(line, data)
	return line.Bytes(), err
}

// cutMetadata takes the stored form apart: the schema version, and the occurred time with all that follows it.
func cutMetadata(metadata []byte) (schema string, rest []byte, ok bool) {
	rest, ok = bytes.CutPrefix(metadata, []byte(`{"schema":`))
	number, rest, found := bytes.Cut(rest, []byte(`,"occurred":`))
	if _, err := strconv.Atoi(string(number)); !ok || !found || err != nil || len(rest) < 2 || bytes.IndexByte(rest, '\n') >= 0 {
		return "", nil, false
	}
	return string(number), rest[:len(rest)-1], true
}

// appendJSON writes texts as one JSON string.
func appendJSON(b []byte, texts ...string) []byte {
	begin := len(b)
	b = append(b, '"')
	for _, text := range texts {
		b = append(b, text...)
	}
	for _, c := range b[begin+1:] {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(string(b[begin+1:])) // a string always has a JSON form
			return append(b[:begin], quoted...)
		}
	}
	return append(b, '"')
}

// HospitalEvents gives up to limit of a hospital's own events after a position: what it can replay, as it is delivered.
func (a *API) HospitalEvents(ctx context.Context, code string, after eventstore.Position, limit int) ([]webhooks.Event, error) {
	found, err := projections.HospitalOrders{Views: a.Views}.Events(ctx, code, after, limit)
	if err != nil {
		return nil, err
	}
	events := make([]webhooks.Event, len(found))
	for i, fields := range found {
		at, err := time.ParseInLocation(hospital.TimeLayout, hospitalField(fields, "eventTime"), hospital.Zone)
		if err != nil {
			return nil, err
		}
		position, err := eventstore.ParsePosition(hospitalField(fields, "position"))
		if err != nil {
			return nil, err
		}
		events[i] = webhooks.Event{Position: position, At: at, JSON: appendHospitalEvent(nil, code, fields)}
	}
	return events, nil
}

// hospitalField is one of the fields of a hospital's event.
func hospitalField(fields []string, name string) string {
	return fields[slices.Index(projections.HospitalEventFields, name)]
}

// appendHospitalEvent writes one event of a hospital's own (projections.HospitalEventFields) as CloudEvents 1.0 JSON.
// Its id is its position, which no other event of the source has.
func appendHospitalEvent(b []byte, code string, fields []string) []byte {
	value := func(name string) string { return hospitalField(fields, name) }
	b = appendJSON(append(b, `{"specversion":"1.0","id":`...), value("position"))
	b = appendJSON(append(b, `,"source":`...), hospitalSource, code)
	b = appendJSON(append(b, `,"type":`...), typePrefix, "hospital.", value("eventType"), ".v1")
	b = appendJSON(append(b, `,"subject":`...), value("orderNo"))
	b = appendJSON(append(b, `,"time":`...), strings.Replace(value("eventTime"), " ", "T", 1), "+08:00") // hospital.TimeLayout in hospital.Zone
	b = append(b, `,"datacontenttype":"application/json","dataschema":"`+schemaURI+hospitalType+`.v1.json","position":`...)
	b = append(appendJSON(b, value("position")), `,"data":{`...)
	for i, name := range projections.HospitalEventFields {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSON(append(appendJSON(b, name), ':'), fields[i])
	}
	return append(b, "}}"...)
}
