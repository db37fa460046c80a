package httpapi

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"orderengine/eventstore"
)

// slowly is a client that sends a blank line now and then, to a server that keeps its deadlines.
type slowly struct {
	*httptest.ResponseRecorder
	every       time.Duration
	left        int
	read, write time.Time
}

func (s *slowly) SetReadDeadline(t time.Time) error  { s.read = t; return nil }
func (s *slowly) SetWriteDeadline(t time.Time) error { s.write = t; return nil }

func (s *slowly) Read(b []byte) (int, error) {
	if s.left--; s.left < 0 {
		return 0, io.EOF
	}
	time.Sleep(s.every)
	if time.Now().After(s.read) {
		return 0, context.DeadlineExceeded
	}
	return copy(b, "\n"), nil
}

// TestASlowImportIsNotCutOff while lines come; one that stalls is.
func TestASlowImportIsNotCutOff(t *testing.T) {
	for every, taken := range map[time.Duration]bool{50 * time.Millisecond: true, 15 * time.Second: true, importStall + time.Second: false} {
		synctest.Test(t, func(t *testing.T) {
			client := &slowly{ResponseRecorder: httptest.NewRecorder(), every: every, left: 999}
			ec := echo.New().NewContext(httptest.NewRequest(http.MethodPost, "/", client), client)
			c := &call{api: &API{Await: func(context.Context, eventstore.Position) error { return nil }}, echo: ec}
			r, err := c.importHospitalOrders()
			if (err == nil) != taken {
				t.Errorf("a line each %s: %+v, %v", every, r, err)
			}
			if taken && !client.write.After(time.Now().Add(writeTimeout)) {
				t.Errorf("a line each %s: the reply has until %s", every, client.write)
			}
		})
	}
}
