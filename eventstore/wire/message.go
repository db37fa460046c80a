package wire

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protowire"

	"orderengine/eventstore"
)

const (
	jsonContent   = "application/json"
	binaryContent = "application/octet-stream"
)

// idOf writes an id as text, or as two numbers.
func idOf(id uuid.UUID, text bool) *shared.UUID {
	if text {
		return &shared.UUID{Value: &shared.UUID_String_{String_: id.String()}}
	}
	return &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{
		MostSignificantBits:  int64(binary.BigEndian.Uint64(id[:8])),
		LeastSignificantBits: int64(binary.BigEndian.Uint64(id[8:])),
	}}}
}

// parseID reads either form.
func parseID(id *shared.UUID) (parsed uuid.UUID, err error) {
	if two := id.GetStructured(); two != nil {
		binary.BigEndian.PutUint64(parsed[:8], uint64(two.GetMostSignificantBits()))
		binary.BigEndian.PutUint64(parsed[8:], uint64(two.GetLeastSignificantBits()))
		return parsed, nil
	}
	if parsed, err = uuid.Parse(id.GetString_()); err != nil {
		return uuid.Nil, fmt.Errorf("%w: event id %.40q: %w", eventstore.ErrInvalid, id.GetString_(), err)
	}
	return parsed, nil
}

// proposed is an event that a client wants to append. The content type is not kept: it follows from the data.
func proposed(message *streams.AppendReq_ProposedMessage) (eventstore.Event, error) {
	id, err := parseID(message.GetId())
	return eventstore.Event{ID: id, Type: message.GetMetadata()["type"], Data: message.GetData(), Metadata: message.GetCustomMetadata()}, err
}

// recorded is the message of an event. A read of $all names its commit position twice, as EventStoreDB does.
func recorded(e eventstore.Recorded, ofAll, textID bool) *streams.ReadResp {
	content := binaryContent
	if json.Valid(e.Data) {
		content = jsonContent
	}
	event := &streams.ReadResp_ReadEvent{Event: &streams.ReadResp_ReadEvent_RecordedEvent{
		Id:               idOf(e.ID, textID),
		StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(shown(e.Stream))},
		StreamRevision:   uint64(e.Revision),
		CommitPosition:   e.Position.Commit,
		PreparePosition:  e.Position.Prepare,
		Metadata: map[string]string{
			"type":         e.Type,
			"content-type": content,
			"created":      strconv.FormatInt(e.Time.UnixMicro()*10, 10), // 100 ns
		},
		CustomMetadata: e.Metadata,
		Data:           e.Data,
	}}
	if ofAll {
		event.Position = &streams.ReadResp_ReadEvent_CommitPosition{CommitPosition: e.Position.Commit}
	} else {
		event.Position = &streams.ReadResp_ReadEvent_NoPosition{NoPosition: &shared.Empty{}}
	}
	return &streams.ReadResp{Content: &streams.ReadResp_Event{Event: event}}
}

func streamNotFound(name []byte) *streams.ReadResp {
	return &streams.ReadResp{Content: &streams.ReadResp_StreamNotFound_{StreamNotFound: &streams.ReadResp_StreamNotFound{
		StreamIdentifier: &shared.StreamIdentifier{StreamName: name},
	}}}
}

func checkpoint(at eventstore.Position) *streams.ReadResp {
	return &streams.ReadResp{Content: &streams.ReadResp_Checkpoint_{Checkpoint: &streams.ReadResp_Checkpoint{
		CommitPosition: at.Commit, PreparePosition: at.Prepare,
	}}}
}

func confirmation() *streams.ReadResp {
	return &streams.ReadResp{Content: &streams.ReadResp_Confirmation{Confirmation: &streams.ReadResp_SubscriptionConfirmation{
		SubscriptionId: uuid.NewString(),
	}}}
}

// caughtUp says that what follows is new. Since version 25 it also tells when and where, in fields that the
// generated message does not have yet: newer clients hear nothing without them, older ones skip what they do not know.
func caughtUp(now time.Time, revision eventstore.Revision, at eventstore.Position) *streams.ReadResp {
	message := &streams.ReadResp_CaughtUp{}
	fields := appendMessage(nil, 1, appendNumbers(nil, uint64(now.Unix()), uint64(now.Nanosecond())))
	if revision >= 0 {
		fields = protowire.AppendVarint(protowire.AppendTag(fields, 2, protowire.VarintType), uint64(revision))
	}
	if at != (eventstore.Position{}) {
		fields = appendMessage(fields, 3, appendNumbers(nil, at.Commit, at.Prepare))
	}
	message.ProtoReflect().SetUnknown(fields)
	return &streams.ReadResp{Content: &streams.ReadResp_CaughtUp_{CaughtUp: message}}
}

// appendNumbers writes the fields 1, 2, … of a message.
func appendNumbers(b []byte, numbers ...uint64) []byte {
	for i, n := range numbers {
		b = protowire.AppendVarint(protowire.AppendTag(b, protowire.Number(i+1), protowire.VarintType), n)
	}
	return b
}

func appendMessage(b []byte, field protowire.Number, message []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), message)
}
