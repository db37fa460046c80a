package wire

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"

	"orderengine/eventstore"
)

// Expected revisions that are not revisions; EventStoreDB gives them the same numbers.
const (
	anyRevision  eventstore.Revision = -2
	streamExists eventstore.Revision = -4
)

// service is the protocol's service Streams.
type service struct {
	streams.UnimplementedStreamsServer
	store    Store
	writable bool
	now      func() time.Time
	stopping context.Context // done when the server closes
}

func (s *service) mayWrite() error {
	if !s.writable {
		return errReadOnly
	}
	return nil
}

// Append implements the service. An append that names a revision is idempotent, as the store's are; one to any
// revision is not.
func (s *service) Append(stream streams.Streams_AppendServer) error {
	ctx := stream.Context()
	name, expected, events, err := receive(stream)
	if err != nil {
		return failure(ctx, err)
	}
	if err := s.mayWrite(); err != nil {
		return err // not sooner: a client that is still sending would not hear why
	}
	receipt, err := s.write(ctx, name, expected, events)
	var conflict *eventstore.ConflictError
	if errors.As(err, &conflict) {
		return stream.SendAndClose(wrongVersion(expected, conflict.Actual))
	}
	if err != nil {
		return failure(ctx, err)
	}
	return stream.SendAndClose(&streams.AppendResp{Result: &streams.AppendResp_Success_{Success: &streams.AppendResp_Success{
		CurrentRevisionOption: &streams.AppendResp_Success_CurrentRevision{CurrentRevision: uint64(receipt.Revision)},
		PositionOption: &streams.AppendResp_Success_Position{Position: &streams.AppendResp_Position{
			CommitPosition: receipt.Position.Commit, PreparePosition: receipt.Position.Prepare,
		}},
	}}})
}

// receive reads the whole of an append, no more than a store would take.
func receive(stream streams.Streams_AppendServer) (name string, expected eventstore.Revision, events []eventstore.Event, err error) {
	first, err := stream.Recv()
	if err != nil {
		return "", 0, nil, err
	}
	options := first.GetOptions()
	if name, err = stored(options.GetStreamIdentifier().GetStreamName()); err != nil {
		return "", 0, nil, err
	}
	expected = expectedOf(options.GetExpectedStreamRevision(), options.GetRevision())
	for size := 0; ; {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return name, expected, events, nil
		}
		if err != nil {
			return "", 0, nil, err
		}
		e, err := proposed(request.GetProposedMessage())
		if err != nil {
			return "", 0, nil, err
		}
		events = append(events, e)
		size += len(e.Data) + len(e.Metadata)
		if e.Type == tombstoneType || len(events) > eventstore.MaxEvents || size > eventstore.MaxAppend {
			return "", 0, nil, fmt.Errorf("%w: an append takes %d events and %d bytes, none of type %s",
				eventstore.ErrInvalid, eventstore.MaxEvents, eventstore.MaxAppend, tombstoneType)
		}
	}
}

// expectedOf reads the oneof that three requests have, each with types of its own.
func expectedOf(option any, revision uint64) eventstore.Revision {
	switch option.(type) {
	case *streams.AppendReq_Options_Revision, *streams.DeleteReq_Options_Revision, *streams.TombstoneReq_Options_Revision:
		return eventstore.Revision(min(revision, 1<<63-1))
	case *streams.AppendReq_Options_NoStream, *streams.DeleteReq_Options_NoStream, *streams.TombstoneReq_Options_NoStream:
		return eventstore.NoStream
	case *streams.AppendReq_Options_StreamExists, *streams.DeleteReq_Options_StreamExists, *streams.TombstoneReq_Options_StreamExists:
		return streamExists
	default:
		return anyRevision
	}
}

// wrongVersion is the answer to a conflict; old clients read other fields than new ones.
func wrongVersion(expected, actual eventstore.Revision) *streams.AppendResp {
	wrong := &streams.AppendResp_WrongExpectedVersion{
		CurrentRevisionOption:        &streams.AppendResp_WrongExpectedVersion_CurrentNoStream{CurrentNoStream: &shared.Empty{}},
		CurrentRevisionOption_20_6_0: &streams.AppendResp_WrongExpectedVersion_NoStream_20_6_0{NoStream_20_6_0: &shared.Empty{}},
	}
	if actual >= 0 {
		wrong.CurrentRevisionOption = &streams.AppendResp_WrongExpectedVersion_CurrentRevision{CurrentRevision: uint64(actual)}
		wrong.CurrentRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_CurrentRevision_20_6_0{CurrentRevision_20_6_0: uint64(actual)}
	}
	switch expected {
	case anyRevision:
		wrong.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedAny{ExpectedAny: &shared.Empty{}}
		wrong.ExpectedRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_Any_20_6_0{Any_20_6_0: &shared.Empty{}}
	case streamExists:
		wrong.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedStreamExists{ExpectedStreamExists: &shared.Empty{}}
		wrong.ExpectedRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_StreamExists_20_6_0{StreamExists_20_6_0: &shared.Empty{}}
	case eventstore.NoStream:
		wrong.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedNoStream{ExpectedNoStream: &shared.Empty{}}
	default:
		wrong.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedRevision{ExpectedRevision: uint64(expected)}
		wrong.ExpectedRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_ExpectedRevision_20_6_0{ExpectedRevision_20_6_0: uint64(expected)}
	}
	return &streams.AppendResp{Result: &streams.AppendResp_WrongExpectedVersion_{WrongExpectedVersion: wrong}}
}

// write appends to a stream of the store, again if it named no revision and somebody was faster.
func (s *service) write(ctx context.Context, stream string, expected eventstore.Revision, events []eventstore.Event) (eventstore.Receipt, error) {
	for {
		at, err := s.appendAt(ctx, stream, expected)
		if err != nil {
			return eventstore.Receipt{}, err
		}
		receipt, err := s.store.Append(ctx, stream, at, events)
		if !isConflict(err) || expected > eventstore.NoStream {
			return receipt, err
		}
		if expected < eventstore.NoStream {
			continue
		}
		// A stream that was deleted, and not for good, may begin again.
		v, failed := s.look(ctx, stream)
		if failed != nil || !v.deleted() {
			return receipt, cmp.Or(failed, err)
		}
		expected = v.last
	}
}

// appendAt is the revision that an append must find. A stream with a tombstone takes none.
func (s *service) appendAt(ctx context.Context, stream string, expected eventstore.Revision) (eventstore.Revision, error) {
	if expected == eventstore.NoStream {
		return expected, nil
	}
	last, err := s.last(ctx, stream)
	switch {
	case err != nil:
		return 0, err
	case last.Type == tombstoneType:
		return 0, &deletedError{shown(stream)}
	case expected == streamExists && last.Revision == eventstore.NoStream:
		return 0, &eventstore.ConflictError{Stream: shown(stream), Expected: expected, Actual: last.Revision}
	case expected < eventstore.NoStream:
		return last.Revision, nil
	}
	return expected, nil
}

// Delete implements the service: the stream's events so far are hidden; it may be written to again.
func (s *service) Delete(ctx context.Context, request *streams.DeleteReq) (*streams.DeleteResp, error) {
	options := request.GetOptions()
	at, err := s.delete(ctx, options.GetStreamIdentifier().GetStreamName(), expectedOf(options.GetExpectedStreamRevision(), options.GetRevision()))
	if err != nil {
		return nil, failure(ctx, err)
	}
	return &streams.DeleteResp{PositionOption: &streams.DeleteResp_Position_{Position: &streams.DeleteResp_Position{
		CommitPosition: at.Commit, PreparePosition: at.Prepare,
	}}}, nil
}

func (s *service) delete(ctx context.Context, name []byte, expected eventstore.Revision) (eventstore.Position, error) {
	if err := s.mayWrite(); err != nil {
		return eventstore.Position{}, err
	}
	stream, err := stored(name)
	if err != nil {
		return eventstore.Position{}, err
	}
	v, err := s.look(ctx, stream)
	if err != nil {
		return eventstore.Position{}, err
	}
	if v.last == eventstore.NoStream || v.deleted() || expected >= eventstore.NoStream && expected != v.last {
		return eventstore.Position{}, &eventstore.ConflictError{Stream: string(name), Expected: expected, Actual: v.last}
	}
	properties := v.properties
	if properties == nil {
		properties = map[string]json.RawMessage{}
	}
	properties["$tb"] = fmt.Appendf(nil, "%d", v.last+1)
	data, err := json.Marshal(properties)
	if err != nil {
		return eventstore.Position{}, err
	}
	receipt, err := s.write(ctx, metadataOf(stream), anyRevision, []eventstore.Event{{ID: uuid.New(), Type: metadataType, Data: data}})
	return receipt.Position, err
}

// Tombstone implements the service: the stream is deleted for good.
func (s *service) Tombstone(ctx context.Context, request *streams.TombstoneReq) (*streams.TombstoneResp, error) {
	if err := s.mayWrite(); err != nil {
		return nil, err
	}
	options := request.GetOptions()
	stream, err := stored(options.GetStreamIdentifier().GetStreamName())
	if err != nil {
		return nil, failure(ctx, err)
	}
	expected := expectedOf(options.GetExpectedStreamRevision(), options.GetRevision())
	receipt, err := s.write(ctx, stream, expected, []eventstore.Event{{ID: uuid.New(), Type: tombstoneType, Data: []byte("{}")}})
	if err != nil {
		return nil, failure(ctx, err)
	}
	return &streams.TombstoneResp{PositionOption: &streams.TombstoneResp_Position_{Position: &streams.TombstoneResp_Position{
		CommitPosition: receipt.Position.Commit, PreparePosition: receipt.Position.Prepare,
	}}}, nil
}
