package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"orderengine/eventstore/backup"
	"orderengine/httpapi/drf"
)

// backupWait bounds how long a backup waits for the tree to have what the copied log has.
const backupWait = time.Minute

var (
	msgBackupBusy    = drf.NewMessage("A backup is under way; ask again when it has ended.", "备份正在进行，请待其结束后重试。")
	msgBackupCluster = drf.NewMessage("The log is in an EventStoreDB cluster: back it up with the cluster's own tools.", "日志存于 EventStoreDB 集群：请用集群自带的工具备份。")
)

// adminBackup streams a backup of the server's data as a tar (package backup). An error after the first byte cuts the reply off.
func (c *call) adminBackup() (reply, error) {
	if c.api.Backups == nil {
		return reply{}, drf.NewError(http.StatusConflict, msgBackupCluster)
	}
	return reply{http.StatusOK, streamed(c.streamBackup)}, nil
}

func (c *call) streamBackup(w *echo.Response) error {
	w.Header().Set("Content-Type", "application/x-tar")
	if c.echo.Request().Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	ctx, cancel := c.whileServing()
	defer cancel()
	out := patientWriter{ctx, w, http.NewResponseController(w.Writer)}
	out.extend(backupWait)
	defer context.AfterFunc(ctx, out.cut)()
	taken, err := c.takeBackup(ctx)
	if err != nil {
		return c.send(c.refusal(err))
	}
	defer func() {
		if err := taken.Close(); err != nil {
			c.api.Logger.Error("the copy of a backup was not removed; the next start removes it", "error", err.Error())
		}
	}()
	w.WriteHeader(http.StatusOK)
	if err := taken.Write(ctx, out); err != nil {
		c.api.Logger.Warn("a backup was cut off", "request", c.request, "error", err.Error())
		panic(http.ErrAbortHandler)
	}
	return nil
}

func (c *call) takeBackup(ctx context.Context) (*backup.Backup, error) {
	ctx, cancel := context.WithTimeout(ctx, backupWait)
	defer cancel()
	taken, err := c.api.Backups.Take(ctx)
	if errors.Is(err, backup.ErrBusy) {
		return nil, drf.NewError(http.StatusConflict, msgBackupBusy)
	}
	return taken, proofError(err)
}

// whileServing is the client's context, which ends when the server begins to stop too.
func (c *call) whileServing() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(c.ctx())
	go func() {
		select {
		case <-c.api.stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// patientWriter writes to a client that has [replayStall] to take each piece, until ctx ends.
type patientWriter struct {
	ctx context.Context
	io.Writer
	control *http.ResponseController
}

// extend gives the client [replayStall] from then on. Servers under a test have no deadlines to move.
func (w patientWriter) extend(wait time.Duration) {
	_ = w.control.SetWriteDeadline(time.Now().Add(wait + replayStall))
}

// cut ends a write under way: a client that takes nothing must not hold up a server that stops.
func (w patientWriter) cut() { _ = w.control.SetWriteDeadline(time.Now()) }

func (w patientWriter) Write(b []byte) (int, error) {
	w.extend(0)
	if err := w.ctx.Err(); err != nil {
		return 0, err // it may have ended before the deadline was moved
	}
	return w.Writer.Write(b)
}
