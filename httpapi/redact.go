package httpapi

import (
	"encoding/json"

	"orderengine/domain"
	"orderengine/domain/link"
	"orderengine/eventstore"
)

// secretFields are the fields of events' data that prove who somebody is, or from which that can be guessed. Whoever
// replays the log learns when they were set and for whom, which is what an audit is about, and not what they are.
var secretFields = map[string][][]string{
	"UserRegistered": {{"credential", "verifier"}, {"credential", "token_hash"}, {"credential", "sealed"}},
	"CredentialSet":  {{"credential", "verifier"}, {"credential", "token_hash"}, {"credential", "sealed"}},
	"SecretSet":      {{"hash"}},
	"WebhookSet":     {{"secret"}},
}

// secretStreams are the categories whose streams are named after the hash of what proves who somebody is.
var secretStreams = map[string]bool{link.TokenCategory: true, link.SecretCategory: true}

// redact gives an event as it may be shown: secret fields are "", and a stream that is named after a secret's hash is
// named after the event, its only one. Hidden says that something is.
func redact(e *eventstore.Recorded) (stream string, data []byte, hidden bool, err error) {
	if e.Type == "Linked" {
		category := eventstore.Category(e.Stream)
		if secretStreams[category] {
			return category + "-" + e.ID.String(), e.Data, true, nil
		}
		return e.Stream, e.Data, false, nil
	}
	data = e.Data
	for _, path := range secretFields[e.Type] {
		hidden = true
		if data, err = blank(data, path); err != nil {
			return "", nil, true, err
		}
	}
	return e.Stream, data, hidden, nil
}

// blank sets a field of a JSON object to "", if it is there.
func blank(object []byte, path []string) ([]byte, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(object, &fields); err != nil {
		return nil, err
	}
	value, ok := fields[path[0]]
	if !ok {
		return object, nil
	}
	if len(path) == 1 {
		fields[path[0]] = json.RawMessage(`""`)
		return domain.JSON(fields)
	}
	inner, err := blank(value, path[1:])
	if err != nil {
		return nil, err
	}
	fields[path[0]] = inner
	return domain.JSON(fields)
}
