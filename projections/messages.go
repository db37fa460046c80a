package projections

import (
	"context"

	"orderengine/domain/message"
	"orderengine/domain/process"
	"orderengine/domain/stoplist"
)

func messageProjection(periods process.Periods) Projection {
	return Fold[message.Message, message.Happening]{
		Of: message.Category, Codec: message.Codec, Evolve: message.Evolve,
		Rows: func(id string, m message.Message) Rows {
			if !m.Composed() {
				return Rows{}
			}
			member := ranked(m.At.UnixMicro(), id)
			listings := []Listing{{messagesIn("", ""), member}, {messagesIn(m.Hospital, ""), member},
				{messagesIn("", m.Status), member}, {messagesIn(m.Hospital, m.Status), member}}
			return Rows{Listings: append(listings, due(process.Message(m, periods))...)}
		},
	}
}

// messagesIn has ids, ranked by the time in microseconds: the messages of a hospital or of all (""), of a status or
// of all ("").
func messagesIn(code string, status message.Status) string {
	return "messages/" + code + "/" + string(status)
}

func stopListProjection(periods process.Periods) Projection {
	return Fold[stoplist.List, stoplist.Event]{
		Of: stoplist.Category, Codec: stoplist.Codec, Evolve: stoplist.Evolve,
		Rows: func(_ string, l stoplist.List) Rows { return Rows{Listings: due(process.StopList(l, periods))} },
	}
}

// Messages lists messages, the newest first: of a hospital or of all (""), of a status or of all ("").
func Messages(ctx context.Context, views Reader, code string, status message.Status, w Window) ([]message.Message, int, error) {
	return listed[message.Message](ctx, views, messagesIn(code, status), w.newest(), rankedStatesOf(message.Category))
}
